-- All threads of the pool are with jobs that do not end, and new ones queue up.
--
-- env: BIDE_DUMP_SIGNAL=USR1
-- signal: USR1
-- hangs
-- expect: task "request 3" ({A}): parked for
-- expect: job "update" ({B}): running for
-- expect: job "update" ({B}): queued for
local bide = require "bide"

local function request()
    bide.spawn_blocking({ name = "update" }, function() -- B
        while true do end
    end)
end

bide.run(function()
    local scope <close> = bide.scope()
    for i = 1, 3 do
        scope:spawn({ name = "request " .. i }, request) -- A
    end
    bide.sleep(0.05)
    print "ready"
    io.stdout:flush()
end, { threads = 2 })
