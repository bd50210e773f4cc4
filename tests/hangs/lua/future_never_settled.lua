-- A task waits for an answer; who should give it forgot to.
--
-- expect: every task waits and nothing can wake one
-- expect: task "asker" ... waits for Future: await, for ... s, at {A}
local bide = require "bide"

local function ask(answer)
    return answer:await() -- A
end

bide.run(function()
    local answer = bide.future()
    bide.spawn({ name = "asker" }, ask, answer):await()
end)
