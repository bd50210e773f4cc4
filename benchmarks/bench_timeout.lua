-- A timeout around an operation that is ready at once: what a deadline costs
-- when it is not needed.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local harness = require "harness"

harness.case("around a ready event", {
    bide = function(n, bide)
        local event = bide.event()
        event:set()
        local timeout, wait = bide.timeout, event.wait
        local start = harness.cpu()
        for _ = 1, n do
            timeout(10, wait, event)
        end
        return harness.cpu() - start
    end,
})

harness.main()
