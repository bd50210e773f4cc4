-- Requests come faster than they are served: tasks and memory pile up.
--
-- env: BIDE_DUMP_SIGNAL=USR1
-- signal: USR1
-- hangs
-- expect: runtime 1 (Lua), between steps: 5... tasks
-- expect: task "request 7" ({A}): parked for ... at {B} ... waits for Mutex
--     "database" (made at {C}): lock, held by task "request 1" ({A})
local bide = require "bide"

local function request(database)
    local guard <close> = database:lock() -- B
    bide.sleep(3600)
end

bide.run(function()
    local database = bide.mutex "database" -- C
    local scope <close> = bide.scope()
    for i = 1, 100000 do
        scope:spawn({ name = "request " .. i }, request, database) -- A
        if i == 50 then
            print "ready"
            io.stdout:flush()
        end
        bide.sleep(i < 50 and 0.001 or 1)
    end
end)
