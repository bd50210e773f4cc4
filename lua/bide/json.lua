-- Reads JSON, for bide.top: null becomes nil, so a list must not hold it.
local escapes = {
    b = "\b", f = "\f", n = "\n", r = "\r", t = "\t",
    ['"'] = '"', ["\\"] = "\\", ["/"] = "/",
}

local value -- defined below: values nest

local function fail(text, at, wanted)
    error(("JSON: %s expected at byte %d, not %q"):format(wanted, at,
        text:sub(at, at)), 0)
end

-- The character of \uXXXX at `at`, a pair of surrogates included, and what
-- follows it.
local function unicode(text, at)
    local code = tonumber(text:match("^%x%x%x%x", at) or "", 16)
    if not code then
        fail(text, at, "four hexadecimal digits")
    end
    if code >= 0xD800 and code < 0xDC00 then
        local low = tonumber(text:match("^\\u(%x%x%x%x)", at + 4) or "", 16)
        if low and low >= 0xDC00 and low < 0xE000 then
            code = 0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00
            return utf8.char(code), at + 10
        end
    end
    return utf8.char(code), at + 4
end

local function string_at(text, at)
    local parts = {}
    while true do
        local plain, stop = text:match('^([^"\\]*)()', at)
        parts[#parts + 1] = plain
        local sign = text:sub(stop, stop)
        if sign == '"' then
            return table.concat(parts), stop + 1
        elseif sign ~= "\\" then
            fail(text, stop, "the end of a string")
        end
        local kind = text:sub(stop + 1, stop + 1)
        if kind == "u" then
            parts[#parts + 1], at = unicode(text, stop + 2)
        elseif escapes[kind] then
            parts[#parts + 1], at = escapes[kind], stop + 2
        else
            fail(text, stop + 1, "an escape")
        end
    end
end

-- What is between brackets: calls item(at), which gives where it ended.
local function items(text, at, closing, item)
    at = text:match("^%s*()", at)
    if text:sub(at, at) == closing then
        return at + 1
    end
    while true do
        at = text:match("^%s*()", item(at))
        local sign = text:sub(at, at)
        if sign == closing then
            return at + 1
        elseif sign ~= "," then
            fail(text, at, "',' or '" .. closing .. "'")
        end
        at = at + 1
    end
end

local function list(text, at)
    local out, n = {}, 0
    at = items(text, at, "]", function(from)
        n = n + 1
        out[n], from = value(text, from)
        return from
    end)
    return out, at
end

local function object(text, at)
    local out = {}
    at = items(text, at, "}", function(from)
        local start = text:match('^%s*"()', from)
        if not start then
            fail(text, from, "a key")
        end
        local key, after = string_at(text, start)
        local colon = text:match("^%s*:()", after)
        if not colon then
            fail(text, after, "':'")
        end
        out[key], from = value(text, colon)
        return from
    end)
    return out, at
end

local words = { ["true"] = true, ["false"] = false }

value = function(text, at)
    at = text:match("^%s*()", at)
    local sign = text:sub(at, at)
    if sign == "{" then
        return object(text, at + 1)
    elseif sign == "[" then
        return list(text, at + 1)
    elseif sign == '"' then
        return string_at(text, at + 1)
    end
    local word, stop = text:match("^(%l+)()", at)
    if word == "null" then
        return nil, stop
    elseif words[word] ~= nil then
        return words[word], stop
    end
    local number, after = text:match("^(-?%d+%.?%d*[eE]?[+-]?%d*)()", at)
    if not tonumber(number) then
        fail(text, at, "a value")
    end
    return tonumber(number), after
end

-- The value that `text` holds; raises an error for text that is no JSON.
return function(text)
    local out, at = value(text, 1)
    if text:find("%S", at) then
        fail(text, text:find("%S", at), "the end")
    end
    return out
end
