package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, contains = lu.assertEquals, lu.assertStrContains

-- Calls fn in another state.
local function over_there(fn, ...)
    local args, results = table.pack(...), nil
    bide.run(function()
        results = table.pack(bide.spawn_blocking(fn,
            table.unpack(args, 1, args.n)))
    end)
    return table.unpack(results, 1, results.n)
end

-- Sends the arguments to another Lua state and back.
local function trip(...)
    return over_there(function(...) return ... end, ...)
end

-- The message of the error that sending raises.
local function refused(...)
    local args, message = table.pack(...), nil
    bide.run(function()
        local ok
        ok, message = pcall(bide.spawn_blocking,
            table.unpack(args, 1, args.n))
        lu.assertFalse(ok)
    end)
    return message
end

-- -- scalars ---------------------------------------------------------------

function test_pack_keeps_the_kind_of_a_number()
    for _, n in ipairs { 0, 1, -1, math.maxinteger, math.mininteger, 0.0, 1.0,
        -0.0, 0.1, 1e308, math.huge, -math.huge, 2 ^ 53 } do
        local got = trip(n)
        eq(math.type(got), math.type(n))
        eq(string.format("%q", got), string.format("%q", n))
    end
    local nan = trip(0 / 0)
    lu.assertTrue(nan ~= nan)
end

function test_pack_keeps_strings_byte_for_byte()
    local all = {}
    for i = 0, 255 do
        all[i + 1] = string.char(i)
    end
    for _, s in ipairs { "", "\0", "a\0b", table.concat(all),
        string.rep("long ", 100000) } do
        lu.assertTrue(trip(s) == s)
    end
end

function test_pack_keeps_nils_and_their_number()
    eq(select("#", trip()), 0)
    eq(select("#", trip(nil)), 1)
    local packed = table.pack(trip(nil, 1, nil, false, nil))
    eq(packed.n, 5)
    eq({ packed[2], packed[4] }, { 1, false })
end

function test_pack_carries_many_values()
    local values = {}
    for i = 1, 200 do
        values[i] = i
    end
    eq(table.pack(trip(table.unpack(values))).n, 200)
end

-- -- tables ----------------------------------------------------------------

function test_pack_copies_nested_tables()
    local t = { 1, 2, { 3, { 4 } }, x = { y = { z = "deep" } }, [false] = 0,
        [1.5] = "float key", [100] = "sparse" }
    local got = trip(t)
    eq(got, t)
    lu.assertFalse(rawequal(got, t))
end

function test_pack_keeps_shared_references()
    local shared = { "one" }
    local got, again = trip({ a = shared, b = shared }, shared)
    lu.assertTrue(rawequal(got.a, got.b))
    lu.assertTrue(rawequal(got.a, again))
end

function test_pack_keeps_cycles()
    local t = { name = "t" }
    t.self = t
    t.child = { parent = t }
    t[t] = "as a key"
    local got = trip(t)
    lu.assertTrue(rawequal(got.self, got))
    lu.assertTrue(rawequal(got.child.parent, got))
    eq(got[got], "as a key")
end

function test_pack_keeps_tables_as_keys()
    local key = { "k" }
    local got, same = trip({ [key] = 1 }, key)
    eq(got[same], 1)
end

function test_pack_of_large_tables()
    local t = {}
    for i = 1, 20000 do
        t[i] = { id = i, name = "item " .. i }
    end
    local got = trip(t)
    eq(#got, 20000)
    eq(got[20000], { id = 20000, name = "item 20000" })
end

-- -- functions -------------------------------------------------------------

function test_pack_carries_upvalues()
    local number, text, list, none = 42, "text", { 1, 2 }, nil
    eq({ over_there(function(x)
        return number + x, text, list[2], none
    end, 8) }, { 50, "text", 2 })
end

function test_pack_carries_nested_functions()
    local function square(n)
        return n * n
    end
    local function sum_of_squares(a, b)
        return square(a) + square(b)
    end
    eq(over_there(sum_of_squares, 3, 4), 25)
    eq(over_there(function(ops) return ops.f(5) end, { f = square }), 25)
end

function test_pack_carries_recursive_functions()
    local function fact(n)
        return n <= 1 and 1 or n * fact(n - 1)
    end
    eq(over_there(fact, 10), 3628800)
    local even
    local function odd(n)
        return n ~= 0 and even(n - 1)
    end
    function even(n)
        return n == 0 or odd(n - 1)
    end
    eq(over_there(even, 10), true)
    eq(over_there(odd, 10), false)
end

function test_pack_keeps_upvalues_shared()
    local count = 0
    local function add()
        count = count + 1
    end
    local function get()
        return count
    end
    local there = over_there(function(add, get)
        add()
        add()
        return get()
    end, add, get)
    eq(there, 2)
    eq(count, 0)
end

function test_pack_gives_functions_back()
    local base = 10
    local made = over_there(function(n)
        local function inner(x)
            return x + n + base
        end
        return inner
    end, 5)
    eq(made(1), 16)
    lu.assertNotNil(over_there(function()
        return function() return print end
    end)())
end

function test_pack_replaces_the_globals()
    a_global_of_this_state = true
    local seen, printer, own = over_there(function()
        local before = a_global_of_this_state
        a_global_of_the_job = 1
        return before, type(print), _G.a_global_of_the_job
    end)
    a_global_of_this_state = nil
    eq({ seen, printer, own }, { nil, "function", 1 })
    lu.assertNil(a_global_of_the_job)
end

function test_pack_requires_modules_again()
    local str, floor, channel = string, math.floor, bide.channel
    local g = _G
    eq({ over_there(function()
        return str.rep("ab", 2), floor(2.5), type(bide.run), type(channel),
            g == _G
    end) }, { "abab", 2, "function", "function", true })
end

function test_pack_keeps_names_and_lines()
    local text = refused(function()
        error("over there")
    end)
    contains(text, "test_pack.lua:")
    contains(text, "over there")
    contains(text, "stack traceback")
end

-- -- handles ---------------------------------------------------------------

function test_pack_carries_channels_and_tokens()
    bide.run(function()
        local ch, token = bide.channel(1), bide.token()
        local same, before = bide.spawn_blocking(function(t, token)
            t.a:send("hello")
            return t.a == t.b, token:cancelled()
        end, { a = ch, b = ch }, token)
        eq({ same, before }, { true, false })
        eq(ch:recv(), "hello")
        bide.spawn_blocking(function(token) token:cancel() end, token)
        eq(token:cancelled(), true)
        lu.assertTrue(bide.spawn_blocking(function() return ch end) == ch)
    end)
end

-- -- what cannot travel ----------------------------------------------------

function test_pack_names_an_upvalue()
    local db = io.stdout
    local here = debug.getinfo(1, "l").currentline
    local text = refused(function() return db end)
    contains(text, "bide.spawn_blocking: upvalue 'db' of function <")
    contains(text, "test_pack.lua:" .. here + 1 .. ">")
    contains(text, "is a userdata, which cannot move to another thread")
    contains(text, "open it inside the function")
end

function test_pack_names_a_field()
    local config = { pool = { [3] = { ["odd one"] = io.stdout } } }
    contains(refused(function() return config end),
        "field 'pool[3][\"odd one\"]' of upvalue 'config' of function <")
    contains(refused(function() end, { x = { f = io.stdout } }),
        "field 'x.f' of argument 1 is a userdata")
end

function test_pack_names_an_argument()
    contains(refused(function() end, 1, io.stdout),
        "argument 2 is a userdata")
    contains(refused(function() end, coroutine.create(print)),
        "argument 1 is a coroutine, which cannot move")
    contains(refused(function() end, { [io.stdout] = 1 }),
        "a key of argument 1 is a userdata")
end

function test_pack_names_the_way_through_functions()
    local file = io.stdout
    local function inner() return file end
    local options = { callback = inner }
    local text = refused(function() return options end)
    contains(text, "upvalue 'file' of function <")
    contains(text, "which is field 'callback' of upvalue 'options' of")
end

function test_pack_refuses_c_functions()
    local iterator = string.gmatch("a", ".")
    contains(refused(function() return iterator end),
        "upvalue 'iterator' of function <")
    contains(refused(function() return iterator end), "is a C function")
    contains(refused(print), "a C function cannot move to another thread")
end

function test_pack_refuses_metatables()
    contains(refused(function() end, setmetatable({}, {})),
        "argument 1 is a table with a metatable")
end

function test_pack_refuses_endless_nesting()
    local t = {}
    for _ = 1, 300 do
        t = { t }
    end
    contains(refused(function() end, t), "nested too deeply")
    local fine = {}
    for _ = 1, 150 do
        fine = { fine }
    end
    eq(type(trip(fine)), "table")
end

function test_pack_names_a_result()
    contains(refused(function() return 1, { f = io.stdout } end),
        "bide.spawn_blocking: field 'f' of result 2 is a userdata")
end

function test_pack_of_errors()
    local err = refused(function()
        error({ code = 7, list = { 1, 2 } })
    end)
    eq(err, { code = 7, list = { 1, 2 } })
    contains(refused(function()
        error(setmetatable({}, { __tostring = function() return "odd" end }))
    end), "odd")
    contains(refused(function() error({ f = io.stdout }) end),
        "field 'f' of the error raised is a userdata")
    contains(refused(function() error(nil) end), "nil")
end

-- Whatever happens, the next job finds the worker's state in order.
function test_pack_failures_leave_the_worker_usable()
    bide.run(function()
        for _ = 1, 20 do
            pcall(bide.spawn_blocking, function() error("x") end)
            pcall(bide.spawn_blocking, function() return io.stdout end)
            eq(bide.spawn_blocking(function(a) return a end, 1), 1)
        end
    end, { threads = 1 })
end

-- A random value: `left` bounds its size.
local function draw(rng, seen, left)
    local kind = rng:below(left > 0 and 10 or 6)
    if kind == 0 then
        return rng:below(2) == 0
    elseif kind == 1 then
        return rng:next()
    elseif kind == 2 then
        return rng:below(1000) / 7
    elseif kind <= 4 then
        return string.rep(string.char(rng:below(256)), rng:below(50))
    elseif kind == 5 or kind == 6 and #seen == 0 then
        return "short"
    elseif kind == 6 then
        return seen[rng:below(#seen) + 1]
    end
    local t = {}
    seen[#seen + 1] = t
    for _ = 1, rng:below(6) do
        local key = rng:below(2) == 0 and rng:below(8) or
            "k" .. rng:below(8)
        t[key] = draw(rng, seen, left - 1)
    end
    return t
end

-- Whether two values are copies of one another, references included.
local function alike(a, b, pairs_seen)
    if type(a) ~= "table" or type(b) ~= "table" then
        return rawequal(a, b) and math.type(a) == math.type(b)
    end
    if pairs_seen[a] or pairs_seen[b] then
        return pairs_seen[a] == b and pairs_seen[b] == a
    end
    pairs_seen[a], pairs_seen[b] = b, a
    for k, v in pairs(a) do
        if not alike(v, b[k], pairs_seen) then
            return false
        end
    end
    for k in pairs(b) do
        if a[k] == nil then
            return false
        end
    end
    return true
end

function test_pack_agrees_with_its_model()
    bide.run(function()
        for _, seed in ipairs(support.seeds()) do
            local rng = support.rng(seed)
            for _ = 1, 10 do
                local value = draw(rng, {}, 5)
                local got = bide.spawn_blocking(function(v) return v end,
                    value)
                lu.assertTrue(alike(value, got, {}), "BIDE_SEED=" .. seed)
            end
        end
    end)
end

support.finish()
