-- The run is over, and a job in a thread is not.
--
-- expect: bide: the run ended while blocking work goes on: compress
local bide = require "bide"

bide.run(function()
    bide.job({ name = "compress" }, function()
        while true do end
    end)
    bide.sleep(0.1)
end, { grace = 0.1 })
