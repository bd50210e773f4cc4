-- A barrier for three, and only two come.
--
-- expect: every task waits and nothing can wake one
-- expect: task "runner 1" ... waits for Barrier "start" (made at {B}): ..., for ... s,
--     at {A}
-- expect: task "runner 2" ... waits for Barrier "start" (made at {B}): ..., for ... s,
--     at {A}
local bide = require "bide"

local function runner(start)
    start:wait() -- A
end

bide.run(function()
    local start = bide.barrier(3, "start") -- B
    local race <close> = bide.scope()
    for i = 1, 2 do
        race:spawn({ name = "runner " .. i }, runner, start)
    end
end)
