-- The producer is done, but does not say so: the consumer's loop has no end.
--
-- expect: every task waits and nothing can wake one
-- expect: task "consumer" ... waits for Channel "numbers" (made at {B}): ..., for ...
--     s, at {A}
-- expect: waits for task "consumer" ... for ... s, at {C}
local bide = require "bide"

local function producer(numbers)
    for i = 1, 10 do
        numbers:send(i)
    end
end

local function consumer(numbers)
    for _ in numbers do -- A
    end
end

bide.run(function()
    local numbers = bide.channel(4, "numbers") -- B
    local task = bide.spawn({ name = "consumer" }, consumer, numbers)
    producer(numbers)
    task:await() -- C
end)
