-- A task is made, runs, ends and is joined. cqueues has no join: there the
-- parent waits on a condition that the child signals.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local harness = require "harness"

local function nothing() end

local GROUP = 100

harness.case("one at a time", {
    bare = function(n)
        local create, resume = coroutine.create, coroutine.resume
        local start = harness.cpu()
        for _ = 1, n do
            resume(create(nothing))
        end
        return harness.cpu() - start
    end,
    bide = function(n, bide)
        local spawn = bide.spawn
        local start = harness.cpu()
        for _ = 1, n do
            spawn(nothing):await()
        end
        return harness.cpu() - start
    end,
    cqueues = function(n, loop)
        local done = require("cqueues.condition").new()
        local running
        local function child()
            running = false
            done:signal()
        end
        local start = harness.cpu()
        for _ = 1, n do
            running = true
            loop:wrap(child)
            while running do
                done:wait()
            end
        end
        return harness.cpu() - start
    end,
})

harness.case("groups of 100", {
    bide = function(n, bide)
        local groups = math.max(1, n // GROUP)
        local start = harness.cpu()
        for _ = 1, groups do
            local group <close> = bide.scope()
            for _ = 1, GROUP do
                group:spawn(nothing)
            end
        end
        return (harness.cpu() - start) * n / (groups * GROUP)
    end,
    cqueues = function(n, loop)
        local done = require("cqueues.condition").new()
        local groups, running = math.max(1, n // GROUP), 0
        local function child()
            running = running - 1
            if running == 0 then
                done:signal()
            end
        end
        local start = harness.cpu()
        for _ = 1, groups do
            running = GROUP
            for _ = 1, GROUP do
                loop:wrap(child)
            end
            while running > 0 do
                done:wait()
            end
        end
        return (harness.cpu() - start) * n / (groups * GROUP)
    end,
})

harness.main()
