-- tasks.lua IMPL COUNT: holds COUNT tasks that wait for one event, then lets
-- them go. Prints the bytes of memory each took, and how many came to an end.
local who, count = arg[1], tonumber(arg[2])
local done = 0

-- Bytes of memory this process occupies.
local function resident()
    for line in io.lines "/proc/self/status" do
        local kb = line:match "^VmRSS:%s+(%d+)"
        if kb then
            return kb * 1024
        end
    end
end

local before

local function report()
    print((resident() - before) / count)
end

if who == "bide" then
    local bide = require "bide"
    bide.run(function()
        local event, tasks = bide.event(), {}
        collectgarbage()
        before = resident()
        for i = 1, count do
            tasks[i] = bide.spawn(function()
                event:wait()
                done = done + 1
            end)
        end
        bide.yield_now()
        report()
        event:set()
        for i = 1, count do
            tasks[i]:await()
        end
    end)
else
    local cqueues = require "cqueues"
    local cond = require("cqueues.condition").new()
    local loop, set = cqueues.new(), false
    collectgarbage()
    before = resident()
    for _ = 1, count do
        loop:wrap(function()
            while not set do
                cond:wait()
            end
            done = done + 1
        end)
    end
    assert(loop:step(0))
    report()
    loop:wrap(function()
        set = true
        cond:signal()
    end)
    assert(loop:loop())
end
print(done)
