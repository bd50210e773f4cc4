-- A task leaves a scope, which waits for the child; the child wants the lock that
-- the task holds.
--
-- expect: task "child" ({A}) waits for Mutex "ledger" (made at {B}) held by
--     task "parent" ({C}), which waits for its
local bide = require "bide"

local function child(ledger)
    local guard <close> = ledger:lock()
end

local function parent(ledger)
    local guard <close> = ledger:lock()
    local scope <close> = bide.scope()
    scope:spawn({ name = "child" }, child, ledger) -- A
end

bide.run(function()
    local ledger = bide.mutex "ledger" -- B
    bide.spawn({ name = "parent" }, parent, ledger):await() -- C
end)
