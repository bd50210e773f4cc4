-- A client waits for an answer that does not come, while the rest goes on.
--
-- env: BIDE_DUMP_SIGNAL=USR1
-- signal: USR1
-- hangs
-- expect: task "client" ({A}): parked for ... at {B} ... waits for Stream: read
-- expect: task "heartbeat" ({C}): parked for
local bide = require "bide"

local function client(port)
    local stream <close> = assert(bide.tcp.connect("127.0.0.1", port))
    stream:write("hello\n")
    print "ready"
    io.stdout:flush()
    return stream:read("l") -- B
end

local function heartbeat()
    while true do
        bide.sleep(0.01)
    end
end

bide.run(function()
    local server <close> = assert(bide.tcp.listen("127.0.0.1", 0))
    local scope <close> = bide.scope()
    scope:spawn({ name = "heartbeat" }, heartbeat) -- C
    scope:spawn({ name = "client" }, client, server:port()) -- A
    server:serve(function()
        bide.sleep(3600)
    end)
end)
