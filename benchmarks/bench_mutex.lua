-- A lock is taken and given back: alone, and by 100 tasks that each yield
-- while holding it. cqueues has no lock: there it is a flag and a condition.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local harness = require "harness"

local TASKS = 100

local Lock = {}
Lock.__index = Lock

function Lock.new()
    local cond = require("cqueues.condition").new()
    return setmetatable({ cond = cond, held = false }, Lock)
end

function Lock:lock()
    while self.held do
        self.cond:wait()
    end
    self.held = true
end

function Lock:unlock()
    self.held = false
    self.cond:signal(1)
end

local function free(mutex, n)
    local start = harness.cpu()
    for _ = 1, n do
        mutex:lock()
        mutex:unlock()
    end
    return harness.cpu() - start
end

local function contend(mutex, yield, count)
    for _ = 1, count do
        mutex:lock()
        yield()
        mutex:unlock()
    end
end

harness.case("free", {
    bide = function(n, bide)
        return free(bide.mutex(), n)
    end,
    cqueues = function(n)
        return free(Lock.new(), n)
    end,
})

harness.case("free, guarded", {
    bide = function(n, bide)
        local mutex = bide.mutex()
        local start = harness.cpu()
        for _ = 1, n do
            local guard <close> = mutex:lock()
        end
        return harness.cpu() - start
    end,
})

harness.case("100 tasks", {
    bide = function(n, bide)
        local mutex, count = bide.mutex(), math.max(1, n // TASKS)
        local start = harness.cpu()
        do
            local group <close> = bide.scope()
            for _ = 1, TASKS do
                group:spawn(contend, mutex, bide.yield_now, count)
            end
        end
        return (harness.cpu() - start) * n / (count * TASKS)
    end,
    cqueues = function(n, loop)
        local poll = require("cqueues").poll
        local done = require("cqueues.condition").new()
        local mutex, count = Lock.new(), math.max(1, n // TASKS)
        local left = TASKS
        local function yield()
            poll(0)
        end
        local start = harness.cpu()
        for _ = 1, TASKS do
            loop:wrap(function()
                contend(mutex, yield, count)
                left = left - 1
                done:signal()
            end)
        end
        while left > 0 do
            done:wait()
        end
        return (harness.cpu() - start) * n / (count * TASKS)
    end,
})

harness.main()
