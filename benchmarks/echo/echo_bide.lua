-- bide's own streams and datagrams.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local bide = require "bide"
local transport = require "transport"

local function handle(conn)
    while true do
        local data = conn:readsome(65536)
        if not data then
            return
        end
        conn:write(data)
    end
end

local function serve_datagrams()
    local socket <close> = assert(bide.udp.bind("127.0.0.1", 0))
    transport.announce(socket:port())
    while true do
        socket:send_many(assert(socket:recv_many()))
    end
end

local function listen()
    if transport.kind == "unix" then
        return bide.unix.listen(transport.argument)
    elseif transport.kind == "tls" then
        local pem = transport.argument
        local context = assert(bide.tls.context {
            server = true, cert_file = pem,
        })
        return bide.tls.listen("127.0.0.1", 0, context)
    end
    return bide.tcp.listen("127.0.0.1", 0)
end

bide.run(function()
    if transport.kind == "udp" then
        return serve_datagrams()
    end
    local server <close> = assert(listen())
    transport.announce(transport.kind == "unix" and 0 or server:port())
    server:serve(handle)
end)
