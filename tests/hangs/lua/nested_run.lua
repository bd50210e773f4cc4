-- A run is started in a task of another one.
--
-- expect: {A}: bide.run inside bide.run
local bide = require "bide"

local function helper()
    bide.run(function() end) -- A
end

bide.run(helper)
