-- A task ends with a permit that it holds.
--
-- expect: semaphore:hold: semaphore "pool" is broken: task "first" ended while
--     it held it
-- expect: {A}: in
local bide = require "bide"

local function query(pool)
    pool:hold() -- A
end

bide.run(function()
    local pool = bide.semaphore(1, "pool")
    bide.spawn({ name = "first" }, query, pool):await()
    bide.spawn({ name = "second" }, query, pool):await()
end)
