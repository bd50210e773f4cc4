-- One task sends, another receives, through a queue of a given capacity.
-- cqueues has no queue: there it is a table and two conditions.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local harness = require "harness"

local Queue = {}
Queue.__index = Queue

function Queue.new(capacity)
    local new = require("cqueues.condition").new
    return setmetatable({
        capacity = capacity, first = 1, last = 0,
        filled = new(), drained = new(),
    }, Queue)
end

function Queue:send(value)
    while self.last - self.first + 1 >= self.capacity do
        self.drained:wait()
    end
    self.last = self.last + 1
    self[self.last] = value
    self.filled:signal(1)
end

function Queue:recv()
    while self.last < self.first do
        self.filled:wait()
    end
    local first = self.first
    local value = self[first]
    self[first] = nil
    self.first = first + 1
    self.drained:signal(1)
    return value
end

local function transfer(spawn, channel, n)
    local start = harness.cpu()
    spawn(function()
        for i = 1, n do
            channel:send(i)
        end
    end)
    for _ = 1, n do
        channel:recv()
    end
    return harness.cpu() - start
end

for _, capacity in ipairs { 1, 128, 1024 } do
    harness.case("capacity " .. capacity, {
        bide = function(n, bide)
            return transfer(bide.spawn, bide.channel(capacity), n)
        end,
        cqueues = function(n, loop)
            return transfer(function(fn)
                loop:wrap(fn)
            end, Queue.new(capacity), n)
        end,
    })
end

harness.main()
