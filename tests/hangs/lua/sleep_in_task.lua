-- A task runs a program and waits for it in os.execute: nothing else runs.
--
-- env: BIDE_WATCHDOG=50ms
-- hangs
-- expect: bide: the loop is blocked: task "poller" ({A}) has been running for
local bide = require "bide"

bide.run(function()
    local poller = bide.spawn({ name = "poller" }, function() -- A
        os.execute("sleep 3600")
    end)
    poller:await()
end)
