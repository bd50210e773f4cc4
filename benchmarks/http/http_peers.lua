-- http_peers.lua cqueues|luv|copas: what examples/network/lua/http_server.lua
-- does with a request for JSON, on other libraries. Debian's lua-http is for
-- older versions of Lua.
package.path = package.path .. ";/usr/share/lua/5.2/?.lua"
local cjson = require "cjson"

local HEAD_MAX = 64 * 1024
local requests, connections, started = 0, 0, os.clock()

local function parse(text)
    local method, target, version, rest =
        text:match "^(%u+) (%S+) HTTP/1%.([01])\r\n(.*)$"
    if not method then
        return nil
    end
    local headers = {}
    for line in rest:gmatch "([^\r\n]+)\r\n" do
        local name, value = line:match "^([%w!#$%%&'*+.^_`|~-]+):%s*(.-)%s*$"
        if not name then
            return nil
        end
        headers[name:lower()] = value
    end
    local connection = (headers.connection or ""):lower()
    local path = target:match("^[^?#]*"):gsub("%%(%x%x)", function(hex)
        return string.char(tonumber(hex, 16))
    end)
    return {
        method = method, path = path,
        keep_alive = connection ~= "close"
            and (version == "1" or connection == "keep-alive"),
    }
end

-- The answer to a request's head, and whether the connection goes on.
local function answer(text)
    local request = parse(text)
    requests = requests + 1
    local status, value = "200 OK", {
        requests = requests, connections = connections,
        uptime = os.clock() - started,
    }
    if not request or request.path ~= "/api/status" then
        status, value = "404 Not Found", { error = "no such thing" }
    end
    local go_on = request and request.keep_alive
    local body = cjson.encode(value) .. "\n"
    return ("HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
        .. "Content-Length: %d\r\nConnection: %s\r\n\r\n"):format(status,
        #body, go_on and "keep-alive" or "close") .. body, go_on
end

-- Takes what has come; calls `write` with each answer. False at the end.
local function feeder(write)
    local pending = ""
    return function(data)
        pending = #pending > 0 and pending .. data or data
        while true do
            local _, last = pending:find("\r\n\r\n", 1, true)
            if not last then
                return #pending <= HEAD_MAX
            end
            local reply, go_on = answer(pending:sub(1, last))
            pending = pending:sub(last + 1)
            write(reply)
            if not go_on then
                return false
            end
        end
    end
end

local function announce(port)
    print(math.tointeger(port))
    io.stdout:flush()
end

local serve = {}

function serve.cqueues()
    local loop = require("cqueues").new()
    local server = require("cqueues.socket").listen {
        host = "127.0.0.1", port = 0, nodelay = true,
    }
    server:setmode("b", "bn")
    assert(server:listen())
    loop:wrap(function()
        local _, _, port = server:localname()
        announce(port)
        for conn in server:clients() do
            connections = connections + 1
            conn:setmode("b", "bn")
            conn:settimeout(30)
            conn:onerror(function(_, _, code)
                return code
            end)
            loop:wrap(function()
                local feed = feeder(function(reply)
                    conn:write(reply)
                end)
                repeat
                    local data = conn:read(-65536)
                until not data or not feed(data)
                conn:close()
            end)
        end
    end)
    assert(loop:loop())
end

function serve.luv()
    local uv = require "luv"
    local server = uv.new_tcp()
    assert(server:bind("127.0.0.1", 0))
    assert(server:listen(1024, function()
        connections = connections + 1
        local conn = uv.new_tcp()
        server:accept(conn)
        conn:nodelay(true)
        local feed = feeder(function(reply)
            if conn:try_write(reply) ~= #reply then
                conn:close()
            end
        end)
        conn:read_start(function(_, data)
            if not conn:is_closing() and not (data and feed(data)) then
                conn:close()
            end
        end)
    end))
    announce(server:getsockname().port)
    uv.run()
end

function serve.copas()
    local copas, socket = require "copas", require "socket"
    local server = assert(socket.bind("127.0.0.1", 0, 1024))
    local _, port = server:getsockname()
    announce(tonumber(port))
    copas.addserver(server, function(conn)
        connections = connections + 1
        conn:setoption("tcp-nodelay", true)
        local feed = feeder(function(reply)
            copas.send(conn, reply)
        end)
        repeat
            local data, err, part = copas.receivePartial(conn, 65536)
            data = data or part
            local go_on = data and #data > 0 and feed(data)
        until not go_on or err == "closed"
        conn:close()
    end)
    copas.loop()
end

serve[arg[1]]()
