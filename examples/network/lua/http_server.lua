-- An HTTP/1.1 server for files and JSON, to start from.
--
--   lua http_server.lua [ROOT [PORT]]
--
--   GET  /PATH       a file below ROOT, "." by default (HEAD works, too)
--   GET  /api/status what the server has done so far, as JSON
--   POST /api/sum    {"values": [1, 2, 3]} gives {"sum": 6}
--
-- JSON is lua-cjson's. There is no well-kept HTTP parser for Lua to lean on:
-- what a request's head needs are the patterns below. SIGINT or SIGTERM ends
-- it: it accepts no more, lets connections finish what they are at for a while,
-- and leaves; a second one is not waited for.
local bide = require "bide"
local cjson = require "cjson"

local IDLE <const> = 30 -- seconds a connection may be silent
local DRAIN <const> = 10 -- seconds that requests under way have at the end
local HEAD_MAX <const> = 64 * 1024
local BODY_MAX <const> = 1024 * 1024

local REASONS = {
    [200] = "OK", [400] = "Bad Request", [404] = "Not Found",
    [405] = "Method Not Allowed", [411] = "Length Required",
    [413] = "Content Too Large", [431] = "Request Header Fields Too Large",
}
local TYPES = {
    html = "text/html", txt = "text/plain", css = "text/css",
    js = "text/javascript", json = "application/json", png = "image/png",
    svg = "image/svg+xml",
}

local root = (arg and arg[1]) or "."
local requests, connections, started = 0, 0, 0

local function head(status, kind, length, keep_alive)
    return ("HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n"
        .. "Connection: %s\r\n\r\n"):format(status, REASONS[status], kind,
        length, keep_alive and "keep-alive" or "close")
end

local function reply(c, status, value, keep_alive)
    local body = cjson.encode(value) .. "\n"
    return c:write(
        head(status, "application/json", #body, keep_alive), body)
end

-- The request whose head this is; nil and a status for one that is none.
local function parse(text)
    local method, target, version, rest =
        text:match("^(%u+) (%S+) HTTP/1%.([01])\r\n(.*)$")
    if not method then
        return nil, 400
    end
    local headers = {}
    for line in rest:gmatch("([^\r\n]+)\r\n") do
        local name, value = line:match("^([%w!#$%%&'*+.^_`|~-]+):%s*(.-)%s*$")
        if not name then
            return nil, 400
        end
        headers[name:lower()] = value
    end
    local connection = (headers.connection or ""):lower()
    local path = target:match("^[^?#]*"):gsub("%%(%x%x)", function(hex)
        return string.char(tonumber(hex, 16))
    end)
    return {
        method = method, path = path, headers = headers,
        keep_alive = connection ~= "close"
            and (version == "1" or connection == "keep-alive"),
    }
end

-- The body, "" if there is none; nil and a status for one we do not take.
local function read_body(c, request)
    if request.headers["transfer-encoding"] then
        return nil, 411
    end
    local given = request.headers["content-length"]
    local length = tonumber(given or "0", 10)
    if not length or length < 0 then
        return nil, 400
    elseif length > BODY_MAX then
        return nil, 413
    end
    return length == 0 and "" or c:read(length)
end

local function sum(body)
    local total, ok, value = 0, pcall(cjson.decode, body)
    if not ok or type(value) ~= "table" or type(value.values) ~= "table" then
        return nil, "needs a JSON object with a list of numbers, 'values'"
    end
    for _, number in ipairs(value.values) do
        if type(number) ~= "number" then
            return nil, "'values' holds something that is no number"
        end
        total = total + number
    end
    return total
end

local API = {
    ["/api/status"] = { GET = function()
        return 200, {
            requests = requests, connections = connections,
            uptime = bide.now() - started,
        }
    end },
    ["/api/sum"] = { POST = function(request)
        local total, why = sum(request.body)
        return total and 200 or 400, total and { sum = total } or { error = why }
    end },
}

local function answer_api(c, request)
    local methods = API[request.path]
    local fn = methods and methods[request.method]
    if fn then
        local status, value = fn(request)
        return reply(c, status, value, request.keep_alive)
    end
    return reply(c, methods and 405 or 404,
        { error = methods and "another method" or "no such thing" },
        request.keep_alive)
end

-- ".." never leads out: such a path is not served.
local function answer_file(c, request)
    if request.method ~= "GET" and request.method ~= "HEAD" then
        return reply(c, 405, { error = "GET or HEAD" }, request.keep_alive)
    end
    local path = request.path:gsub("/$", "/index.html")
    local file = not ("/" .. path .. "/"):find("/../", 1, true)
        and not path:find("\0", 1, true)
        and bide.fs.open(root .. "/" .. path, "r")
    local about = file and file:stat()
    if not about or about.type ~= "file" then
        if file then
            file:close()
        end
        return reply(c, 404, { error = "no such file" }, request.keep_alive)
    end
    local file <close> = file
    local kind = TYPES[path:match("%.(%w+)$")] or "application/octet-stream"
    local ok = c:write(head(200, kind, about.size, request.keep_alive))
    if not ok or request.method ~= "GET" or about.size == 0 then
        return ok
    end
    -- Fewer bytes than the head has promised: the connection is out of step.
    return c:sendfile(file, 0, about.size) == about.size
end

local function serve_one(c)
    local text, _, code = c:readuntil("\r\n\r\n", HEAD_MAX)
    if not text then
        if code == "ETOOLONG" then
            reply(c, 431, { error = "the head is too long" }, false)
        end
        return false
    end
    local request, status = parse(text)
    if request then
        request.body, status = read_body(c, request)
    end
    if not request or not request.body then
        if math.type(status) == "integer" then
            reply(c, status, { error = REASONS[status] }, false)
        end
        return false
    end
    requests = requests + 1
    local answer = request.path:find("^/api/") and answer_api or answer_file
    return answer(c, request) and request.keep_alive
end

bide.run(function()
    started = bide.now()
    local srv <close> = assert(bide.tcp.listen("127.0.0.1",
        tonumber(arg and arg[2]) or 8080))
    print(("serving %s on http://127.0.0.1:%d"):format(root, srv:port()))
    io.stdout:flush()
    srv:serve(function(c)
        connections = connections + 1
        repeat -- nil, "timeout" when the connection is silent for too long
            local go_on = bide.timeout(IDLE, serve_one, c)
        until not go_on
    end, { drain = DRAIN, signals = { "INT", "TERM" } })
    print(("served %d requests"):format(requests))
end)
