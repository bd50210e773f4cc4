-- A TCP proxy: what arrives here goes there, and back.
--
--   lua tcp_proxy.lua HOST PORT [LISTEN_PORT]
--
-- Each direction ends by itself, as TCP's do: when one side has no more to say,
-- the other is told so and may go on talking. Back-pressure needs no code: the
-- next read waits for the last write. SIGINT or SIGTERM ends it, after the
-- connections there are or ten seconds.
local bide = require "bide"

local host, port = arg[1], math.tointeger(tonumber(arg[2]))
if not host or not port then
    io.stderr:write("usage: tcp_proxy.lua HOST PORT [LISTEN_PORT]\n")
    os.exit(2)
end

local carried = 0

local function pump(from, to)
    for data in function() return from:readsome(65536) end do
        if not to:write(data) then
            return -- that side is gone; its reader sees the same
        end
        carried = carried + #data
    end
    to:shutdown()
end

local function splice(client)
    local server <close>, why = bide.tcp.connect(host, port)
    if not server then
        print(("no connection to %s:%d: %s"):format(host, port, why))
        io.stdout:flush()
        return
    end
    local g <close> = bide.scope()
    g:spawn(pump, client, server)
    pump(server, client)
end

bide.run(function()
    local srv <close> = assert(bide.tcp.listen("127.0.0.1",
        tonumber(arg[3]) or 8000))
    print(("proxy on 127.0.0.1:%d"):format(srv:port()))
    io.stdout:flush()
    srv:serve(splice, { drain = 10, signals = { "INT", "TERM" } })
    print(("carried %d bytes"):format(carried))
end)
