-- A task unlocks what another one holds.
--
-- expect: {A}: mutex:unlock: task "main" does not hold mutex "ledger", task
--     "pay" does
local bide = require "bide"

local function pay(ledger)
    local guard <close> = ledger:lock()
    bide.sleep(3600)
end

bide.run(function()
    local ledger = bide.mutex "ledger"
    bide.spawn({ name = "pay" }, pay, ledger)
    bide.yield_now()
    ledger:unlock() -- A
end)
