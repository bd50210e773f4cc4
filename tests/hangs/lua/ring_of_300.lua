-- A ring of 300 tasks, each with a lock that the one before it wants.
--
-- expect: task "task 300" ({A}) waits for Mutex "lock 1" (made at {B}) held by
--     task "task 1" ({A}), which waits for Mutex "lock 2" (made at {B}) held by
-- expect: which waits for Mutex "lock 300" (made at {B}) held by task "task
--     300" ({A})
local bide = require "bide"
local N = 300

local function member(own, next_one)
    local one <close> = own:lock()
    bide.yield_now()
    local other <close> = next_one:lock()
end

bide.run(function()
    local locks = {}
    for i = 1, N do
        locks[i] = bide.mutex("lock " .. i) -- B
    end
    local ring <close> = bide.scope()
    for i = 1, N do
        ring:spawn({ name = "task " .. i }, member, locks[i], locks[i % N + 1]) -- A
    end
end)
