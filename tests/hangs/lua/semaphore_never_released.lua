-- A connection is taken from a pool and not given back, as an error came between.
--
-- expect: every task waits and nothing can wake one
-- expect: task "second" ... waits for Semaphore "pool" (made at {B}): ..., for ... s,
--     at {A}
local bide = require "bide"

local function query(pool, number)
    local connection = pool:acquire() -- A
    assert(math.tointeger(number), "not a number")
    connection:release()
end

bide.run(function()
    local pool = bide.semaphore(1, "pool") -- B
    bide.spawn({ name = "first" }, query, pool, "one"):join()
    bide.spawn({ name = "second" }, query, pool, 2):await()
end)
