-- A coroutine gives way and is resumed: the cost of one switch. Bare: what a
-- pair of coroutine.resume and coroutine.yield costs, with nothing around it.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local harness = require "harness"

local TASKS = 1000

local function bare(n, tasks)
    local resume, yield = coroutine.resume, coroutine.yield
    local all, each = {}, n // tasks
    for i = 1, tasks do
        all[i] = coroutine.create(function()
            while true do
                yield()
            end
        end)
    end
    local start = harness.cpu()
    for _ = 1, each do
        for i = 1, tasks do
            resume(all[i])
        end
    end
    return (harness.cpu() - start) * n / (each * tasks)
end

-- Tasks that each yield n / tasks times; from when all have started.
local function many(spawn, yield, n)
    local each, left = math.max(1, n // TASKS), TASKS
    for _ = 1, TASKS do
        spawn(function()
            for _ = 1, each do
                yield()
            end
            left = left - 1
        end)
    end
    yield()
    local start = harness.cpu()
    while left > 0 do
        yield()
    end
    return (harness.cpu() - start) * n / (each * TASKS)
end

harness.case("1 task", {
    bare = function(n)
        return bare(n, 1)
    end,
    bide = function(n, bide)
        local yield_now = bide.yield_now
        local start = harness.cpu()
        for _ = 1, n do
            yield_now()
        end
        return harness.cpu() - start
    end,
    cqueues = function(n)
        local poll = require("cqueues").poll
        local start = harness.cpu()
        for _ = 1, n do
            poll(0)
        end
        return harness.cpu() - start
    end,
})

harness.case("1000 tasks", {
    bare = function(n)
        return bare(math.max(n, TASKS), TASKS) * n / math.max(n, TASKS)
    end,
    bide = function(n, bide)
        return many(bide.spawn, bide.yield_now, n)
    end,
    cqueues = function(n, loop)
        local poll = require("cqueues").poll
        local function spawn(fn)
            loop:wrap(fn)
        end
        return many(spawn, function()
            poll(0)
        end, n)
    end,
})

harness.main()
