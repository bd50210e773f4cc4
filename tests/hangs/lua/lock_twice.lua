-- A task locks a mutex that it holds already.
--
-- expect: task "audit" ({A}) waits for Mutex "ledger" (made at {B}), which it
--     holds itself
-- expect: {C}: in
local bide = require "bide"

bide.run(function()
    local ledger = bide.mutex "ledger" -- B
    local audit = bide.spawn({ name = "audit" }, function() -- A
        local guard <close> = ledger:lock()
        local again <close> = ledger:lock() -- C
    end)
    audit:await()
end)
