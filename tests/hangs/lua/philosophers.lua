-- Three philosophers, each with a fork in the hand, wait for the next one's.
--
-- expect: task "Kant" ({A}) waits for Mutex "fork 1" (made at {B}) held by task
--     "Plato" ({A}), which waits for Mutex "fork 2" (made at {B}) held by task
--     "Hume" ({A}), which waits for Mutex "fork 3" (made at {B}) held by task
--     "Kant" ({A})
local bide = require "bide"

local function philosopher(left, right)
    local one <close> = left:lock()
    bide.yield_now()
    local other <close> = right:lock()
end

bide.run(function()
    local forks = {}
    for i = 1, 3 do
        forks[i] = bide.mutex("fork " .. i) -- B
    end
    local seats <close> = bide.scope()
    for i, name in ipairs { "Plato", "Hume", "Kant" } do
        seats:spawn({ name = name }, philosopher, forks[i], forks[i % 3 + 1]) -- A
    end
end)
