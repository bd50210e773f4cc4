-- A task calls a function in C that takes its time: the task is named while it
-- does, the line as soon as it returns.
--
-- env: BIDE_WATCHDOG=50ms
-- expect: bide: the loop is blocked: task "lister" ({A}) has been running for
-- expect: {B}: in
local bide = require "bide"

local function list()
    os.execute("sleep 1") -- B
    bide.yield_now()
end

bide.run(function()
    bide.spawn({ name = "lister" }, list):await() -- A
end)
