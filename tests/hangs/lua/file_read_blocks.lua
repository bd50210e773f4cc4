-- A blocking read of a pipe into which nobody writes.
--
-- env: BIDE_WATCHDOG=50ms
-- hangs
-- expect: bide: the loop is blocked: task "reader" ({A}) has been running for
local bide = require "bide"

local function read_all(pipe)
    return pipe:read("a")
end

bide.run(function()
    local pipe = io.popen("sleep 3600")
    bide.spawn({ name = "reader" }, read_all, pipe):await() -- A
end)
