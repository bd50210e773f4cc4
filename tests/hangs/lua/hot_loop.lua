-- A task waits for a flag by asking for it all the time.
--
-- env: BIDE_WATCHDOG=50ms
-- hangs
-- expect: bide: the loop is blocked: task "spinner" ({A}) has been running for
-- expect: {B}: in
local bide = require "bide"
local flags = {}

bide.run(function()
    local spinner = bide.spawn({ name = "spinner" }, function() -- A
        while not flags.ready do end -- B
    end)
    spinner:await()
end)
