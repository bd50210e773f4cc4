-- A task ends without unlocking, because of an error that nobody foresaw.
--
-- expect: mutex:lock: mutex "ledger" is broken: task "careless" ended while it
--     held it
-- expect: {B}: in
local bide = require "bide"

local function careless(ledger)
    ledger:lock()
    error("no such account")
end

local function audit(ledger)
    local guard <close> = ledger:lock() -- B
end

bide.run(function()
    local ledger = bide.mutex "ledger"
    bide.spawn({ name = "careless" }, careless, ledger):join()
    bide.spawn({ name = "audit" }, audit, ledger):await()
end)
