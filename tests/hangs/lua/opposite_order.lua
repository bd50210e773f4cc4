-- Two tasks take two locks, in opposite order.
--
-- expect: task "pay" ({E}) waits for Mutex "ledger" (made at {B}) held by task
--     "audit" ({A}), which waits for Mutex "journal" (made at {C}) held by task
--     "pay" ({E})
-- expect: {D}: in
local bide = require "bide"

local function both(first, second)
    local one <close> = first:lock()
    bide.yield_now()
    local other <close> = second:lock() -- D
end

bide.run(function()
    local ledger = bide.mutex "ledger" -- B
    local journal = bide.mutex "journal" -- C
    local scope <close> = bide.scope()
    scope:spawn({ name = "audit" }, both, ledger, journal) -- A
    scope:spawn({ name = "pay" }, both, journal, ledger) -- E
end)
