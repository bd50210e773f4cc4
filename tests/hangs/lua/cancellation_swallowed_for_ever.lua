-- A task tries again whatever happens, a cancellation included, and so never ends.
--
-- env: BIDE_WATCHDOG=50ms
-- hangs
-- expect: bide: the loop is blocked: task "stubborn" ({A}) has been running for
local bide = require "bide"

local function stubborn()
    while true do
        pcall(bide.sleep, 1)
    end
end

bide.run(function()
    local task = bide.spawn({ name = "stubborn" }, stubborn) -- A
    bide.yield_now()
    task:cancel("enough")
    task:await()
end)
