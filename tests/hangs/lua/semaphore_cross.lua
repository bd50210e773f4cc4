-- Two semaphores of one permit, used as locks, in opposite order.
--
-- expect: task "scan" ({E}) waits for Semaphore "printer" (made at {B}) held by
--     task "copy" ({A}), which waits for Semaphore "scanner" (made at {C}) held
--     by task "scan" ({E})
local bide = require "bide"

local function both(first, second)
    local one <close> = first:hold()
    bide.yield_now()
    local other <close> = second:hold()
end

bide.run(function()
    local printer = bide.semaphore(1, "printer") -- B
    local scanner = bide.semaphore(1, "scanner") -- C
    local scope <close> = bide.scope()
    scope:spawn({ name = "copy" }, both, printer, scanner) -- A
    scope:spawn({ name = "scan" }, both, scanner, printer) -- E
end)
