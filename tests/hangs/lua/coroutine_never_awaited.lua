-- A lazy future without its await: nothing of it runs.
--
-- expect: bide: a lazy future made at {A} was never awaited
local bide = require "bide"

local save = bide.async(function()
    bide.sleep(0)
end)

bide.run(function()
    save() -- A
    bide.yield_now()
end)
collectgarbage()
