-- Nobody holds a lock for long, but many want it: the last of them waits for long.
--
-- env: BIDE_SLOW_LOCK=500ms
-- expect: bide: a slow lock: Mutex "ledger" (made at {B})
-- expect: task "pay ..." ({A}) at {C} has waited for ... s
local bide = require "bide"

local function pay(ledger)
    local guard <close> = ledger:lock() -- C
    bide.sleep(0.1)
end

bide.run(function()
    local ledger = bide.mutex "ledger" -- B
    local scope <close> = bide.scope()
    for i = 1, 9 do
        scope:spawn({ name = "pay " .. i }, pay, ledger) -- A
    end
end)
