-- A lock is held for long, while another task waits for it.
--
-- env: BIDE_SLOW_LOCK=50ms
-- hangs
-- expect: bide: a slow lock: Mutex "ledger" (made at {B}), held for ... s by task
--     "backup" ({A}) at {D}; task "pay 1" ({C}) at {F} has waited for ... s, with 1
--     more behind it
local bide = require "bide"

local function backup(ledger)
    local guard <close> = ledger:lock()
    bide.sleep(3600) -- D
end

local function pay(ledger)
    local guard <close> = ledger:lock() -- F
end

bide.run(function()
    local ledger = bide.mutex "ledger" -- B
    local scope <close> = bide.scope()
    scope:spawn({ name = "backup" }, backup, ledger) -- A
    scope:spawn({ name = "pay 1" }, pay, ledger) -- C
    scope:spawn({ name = "pay 2" }, pay, ledger)
end)
