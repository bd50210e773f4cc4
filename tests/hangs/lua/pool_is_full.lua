-- All threads of the pool are with jobs that do not end, and new ones queue up.
--
-- env: BIDE_DUMP_SIGNAL=USR1
-- signal: USR1
-- hangs
-- expect: task "request 3" ({A}): parked for
-- expect: job "update" ({B}): running for
-- expect: job "update" ({B}): queued for
local bide = require "bide"

local function update(begun)
    begun:send(true)
    while true do end
end

local function request(begun)
    bide.spawn_blocking({ name = "update" }, update, begun) -- B
end

bide.run(function()
    local begun = bide.channel(3)
    local scope <close> = bide.scope()
    for i = 1, 3 do
        scope:spawn({ name = "request " .. i }, request, begun) -- A
    end
    begun:recv()
    begun:recv()
    print "ready"
    io.stdout:flush()
end, { threads = 2 })
