-- copas on LuaSocket, a coroutine per connection. It waits in select(2): not
-- for more than about a thousand connections. TLS it has in later versions.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
-- Debian has it for Lua up to 5.2; it is plain Lua and works in 5.4.
package.path = package.path .. ";/usr/share/lua/5.2/?.lua"
local copas = require "copas"
local socket = require "socket"
local transport = require "transport"

local function handle(conn)
    if transport.kind == "tcp" then
        conn:setoption("tcp-nodelay", true)
    end
    while true do
        -- What is there, up to that much, is the third result.
        local data, err, part = copas.receivePartial(conn, 65536)
        data = data or part
        if data and #data > 0 then
            copas.send(conn, data)
        elseif err then
            break
        end
    end
    conn:close()
end

local function serve_datagrams()
    local server = assert(socket.udp())
    assert(server:setsockname("127.0.0.1", 0))
    local _, port = server:getsockname()
    transport.announce(tonumber(port))
    copas.addserver(server, function(conn)
        while true do
            local data, from, from_port = copas.receivefrom(conn, 65536)
            if data then
                copas.sendto(conn, data, from, from_port)
            end
        end
    end)
end

local function listen()
    if transport.kind == "unix" then
        local server = require "socket.unix"()
        assert(server:bind(transport.argument))
        assert(server:listen(1024))
        return server, 0
    end
    local server = assert(socket.bind("127.0.0.1", 0, 1024))
    local _, port = server:getsockname()
    return server, tonumber(port)
end

if transport.kind == "udp" then
    serve_datagrams()
elseif transport.kind == "tls" then
    transport.refuse()
else
    local server, port = listen()
    copas.addserver(server, handle)
    transport.announce(port)
end
copas.loop()
