-- A function that blocks runs in another thread, in a Lua state of its own:
-- one at a time, and 64 in flight. Wall-clock time.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local harness = require "harness"

local FLIGHT = 64

local function nothing() end

harness.case("round trip", {
    bide = function(n, bide)
        local start = bide.now()
        for _ = 1, n do
            bide.spawn_blocking(nothing)
        end
        return (bide.now() - start) * 1e9
    end,
})

harness.case("64 in flight", {
    bide = function(n, bide)
        local count = math.max(1, n // FLIGHT)
        local start = bide.now()
        do
            local group <close> = bide.scope()
            for _ = 1, FLIGHT do
                group:spawn(function()
                    for _ = 1, count do
                        bide.spawn_blocking(nothing)
                    end
                end)
            end
        end
        return (bide.now() - start) * 1e9 * n / (count * FLIGHT)
    end,
})

harness.main()
