-- A future is settled with an error that nobody awaits.
--
-- expect: bide: a future failed at {A} and nobody looked: no such
--     question
local bide = require "bide"

bide.run(function()
    local answer = bide.future()
    answer:fail("no such question") -- A
    bide.yield_now()
end)
collectgarbage()
