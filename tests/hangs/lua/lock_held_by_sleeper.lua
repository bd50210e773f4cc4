-- All wait for a lock whose holder sleeps: no cycle, and yet nothing goes on.
--
-- env: BIDE_DUMP_SIGNAL=USR1
-- signal: USR1
-- hangs
-- expect: task "backup" ({A}): parked for ... at {D} ... waits for timer:
--     sleep, ends in ... s holds Mutex "ledger" (made at {B}) for
-- expect: task "pay" ({C}): parked for ... waits for Mutex "ledger" (made at
--     {B}): lock, held by task "backup" ({A})
local bide = require "bide"

local function backup(ledger)
    local guard <close> = ledger:lock()
    bide.sleep(3600) -- D
end

local function pay(ledger)
    print "ready"
    io.stdout:flush()
    local guard <close> = ledger:lock()
end

bide.run(function()
    local ledger = bide.mutex "ledger" -- B
    local scope <close> = bide.scope()
    scope:spawn({ name = "backup" }, backup, ledger) -- A
    scope:spawn({ name = "pay" }, pay, ledger) -- C
end)
