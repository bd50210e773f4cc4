-- All connections of a pool are with tasks that want a lock; its holder wants a
-- connection.
--
-- expect: task "report" ({A}) waits for Semaphore "pool" (made at {B})
-- expect: task "query" ({C}), which waits for Mutex "ledger" (made at {D}) held
--     by task "report" ({A})
local bide = require "bide"

local function query(pool, ledger)
    local connection <close> = pool:hold()
    bide.yield_now()
    local guard <close> = ledger:lock()
end

local function report(pool, ledger)
    local guard <close> = ledger:lock()
    while ledger:waiters() < 3 do
        bide.yield_now()
    end
    local connection <close> = pool:hold()
end

bide.run(function()
    local pool = bide.semaphore(3, "pool") -- B
    local ledger = bide.mutex "ledger" -- D
    local scope <close> = bide.scope()
    for _ = 1, 3 do
        scope:spawn({ name = "query" }, query, pool, ledger) -- C
    end
    scope:spawn({ name = "report" }, report, pool, ledger) -- A
end)
