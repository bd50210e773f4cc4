-- Two tasks take turns through condition variables: an operation is a ping and
-- a pong, so two turns handed over. It is what cqueues offers to build locks
-- and queues from.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local harness = require "harness"

harness.case("ping-pong", {
    bide = function(n, bide)
        local mutex = bide.mutex()
        local cond = { bide.condition(mutex), bide.condition(mutex) }
        local turn = 1
        local function play(me)
            local other = 3 - me
            local guard <close> = mutex:lock()
            for _ = 1, n do
                while turn ~= me do
                    cond[me]:wait()
                end
                turn = other
                cond[other]:notify()
            end
        end
        local start = harness.cpu()
        do
            local group <close> = bide.scope()
            group:spawn(play, 1)
            group:spawn(play, 2)
        end
        return harness.cpu() - start
    end,
    cqueues = function(n, loop)
        local new = require("cqueues.condition").new
        local cond, done = { new(), new() }, new()
        local turn, left = 1, 2
        local function play(me)
            local other = 3 - me
            for _ = 1, n do
                while turn ~= me do
                    cond[me]:wait()
                end
                turn = other
                cond[other]:signal()
            end
            left = left - 1
            done:signal()
        end
        local start = harness.cpu()
        loop:wrap(play, 1)
        loop:wrap(play, 2)
        while left > 0 do
            done:wait()
        end
        return harness.cpu() - start
    end,
})

harness.main()
