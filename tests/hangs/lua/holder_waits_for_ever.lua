-- All wait for a lock whose holder waits for what nobody brings. The holder comes
-- first in the report.
--
-- expect: nothing can wake one (ESTALLED): task "backup" ({A}) waits for Event
--     "disk is back" (made at {E}): wait, for ... s, at {D}; 3 tasks wait for it
--     holds Mutex "ledger" (made at {B}), for
-- expect: task "pay 1" ({C}) waits for Mutex "ledger" (made at {B}): lock, held by
--     task "backup" ({A}), for ... s, at {F}
-- expect: task "pay 2" ... waits for Mutex "ledger"
-- expect: task "main" ... waits for its TaskGroup: leave, for
local bide = require "bide"

local function backup(ledger, disk)
    local guard <close> = ledger:lock()
    disk:wait() -- D
end

local function pay(ledger)
    local guard <close> = ledger:lock() -- F
end

bide.run(function()
    local ledger = bide.mutex "ledger" -- B
    local disk = bide.event "disk is back" -- E
    local scope <close> = bide.scope()
    scope:spawn({ name = "backup" }, backup, ledger, disk) -- A
    scope:spawn({ name = "pay 1" }, pay, ledger) -- C
    scope:spawn({ name = "pay 2" }, pay, ledger)
end)
