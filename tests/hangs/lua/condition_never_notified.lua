-- A task waits for a change, and who makes it does not notify.
--
-- expect: every task waits and nothing can wake one
-- expect: task "consumer" ... waits for Condition "stock" (made at {B}): ..., for ...
--     s, at {A}
local bide = require "bide"
local stock = {}

local function consumer(changed)
    local guard <close> = changed:mutex():lock()
    while #stock == 0 do
        changed:wait() -- A
    end
end

local function producer(changed)
    local guard <close> = changed:mutex():lock()
    stock[1] = "apple"
end

bide.run(function()
    local changed = bide.condition(nil, "stock") -- B
    local scope <close> = bide.scope()
    scope:spawn({ name = "consumer" }, consumer, changed)
    scope:spawn({ name = "producer" }, producer, changed)
end)
