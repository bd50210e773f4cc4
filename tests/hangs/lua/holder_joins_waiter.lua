-- The holder of a lock waits for the end of a task that waits for the lock.
--
-- expect: task "worker" ({A}) waits for Mutex "ledger" (made at {B}) held by
--     task "boss" ({C}), which waits for task "worker" ({A})
local bide = require "bide"

local function worker(ledger)
    local guard <close> = ledger:lock()
end

local function boss(ledger)
    local guard <close> = ledger:lock()
    bide.spawn({ name = "worker" }, worker, ledger):await() -- A
end

bide.run(function()
    local ledger = bide.mutex "ledger" -- B
    bide.spawn({ name = "boss" }, boss, ledger):await() -- C
end)
