-- A future is made, awaited while pending, and settled by another task. Two
-- tasks play ping-pong: each settles the other's future and awaits its own.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local harness = require "harness"

local function play(slots, me, new, count)
    local other = 3 - me
    for _ = 1, count do
        local mine = new()
        slots[me] = mine
        local theirs = slots[other]
        if theirs then
            slots[other] = false
            theirs:set(true)
        end
        mine:await()
    end
    if slots[other] then
        slots[other]:set(true)
    end
end

harness.case("settle and await", {
    bide = function(n, bide)
        local slots, count = { false, false }, math.max(1, n // 2)
        local start = harness.cpu()
        do
            local group <close> = bide.scope()
            group:spawn(play, slots, 1, bide.future, count)
            group:spawn(play, slots, 2, bide.future, count)
        end
        return (harness.cpu() - start) * n / (count * 2)
    end,
    cqueues = function(n, loop)
        local new = require("cqueues.promise").new
        local slots, count = { false, false }, math.max(1, n // 2)
        local done = require("cqueues.condition").new()
        local left = 2
        local function promise()
            local p = new()
            return {
                set = function(_, v)
                    p:set(true, v)
                end,
                await = function()
                    return p:get()
                end,
            }
        end
        local start = harness.cpu()
        for me = 1, 2 do
            loop:wrap(function()
                play(slots, me, promise, count)
                left = left - 1
                done:signal()
            end)
        end
        while left > 0 do
            done:wait()
        end
        return (harness.cpu() - start) * n / (count * 2)
    end,
})

harness.main()
