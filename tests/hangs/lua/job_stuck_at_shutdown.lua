-- The run is over, and a job in a thread is not.
--
-- expect: bide: the run ended while blocking work goes on: compress
local bide = require "bide"

bide.run(function()
    local begun = bide.channel(1)
    bide.job({ name = "compress" }, function()
        begun:send(true)
        while true do end
    end)
    begun:recv()
end, { grace = 0.1 })
