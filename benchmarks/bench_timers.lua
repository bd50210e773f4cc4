-- 100,000 tasks sleep at once, each to a moment of its own: the CPU time of
-- starting, arming, firing and ending one.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local harness = require "harness"

local SLEEPERS = 100000

-- Spread over a second, in no order.
local function moment(i)
    return 0.5 + i * 7919 % SLEEPERS / SLEEPERS
end

harness.case("100k sleeping", {
    bide = function(n, bide)
        local start = harness.cpu()
        do
            local group <close> = bide.scope()
            for i = 1, n do
                group:spawn(bide.sleep, moment(i))
            end
        end
        return harness.cpu() - start
    end,
    cqueues = function(n, loop)
        local sleep = require("cqueues").sleep
        local done = require("cqueues.condition").new()
        local left = n
        local start = harness.cpu()
        for i = 1, n do
            loop:wrap(function()
                sleep(moment(i))
                left = left - 1
                if left == 0 then
                    done:signal()
                end
            end)
        end
        while left > 0 do
            done:wait()
        end
        return harness.cpu() - start
    end,
}, SLEEPERS, "cpu")

harness.main()
