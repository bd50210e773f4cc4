-- A thread with a Lua state of its own sends messages to a task: one at a
-- time, and taken in batches. Wall-clock time.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local harness = require "harness"

local function feed(channel, n)
    for i = 1, n do
        channel:send(i)
    end
end

harness.case("one at a time", {
    bide = function(n, bide)
        local channel = bide.channel(1024)
        local start = bide.now()
        local thread = bide.spawn_thread(feed, channel, n)
        for _ = 1, n do
            channel:recv()
        end
        local elapsed = (bide.now() - start) * 1e9
        thread:await()
        return elapsed
    end,
})

harness.case("in batches", {
    bide = function(n, bide)
        local channel = bide.channel(1024)
        local start = bide.now()
        local thread = bide.spawn_thread(feed, channel, n)
        local left = n
        while left > 0 do
            left = left - #channel:recv_many(256)
        end
        local elapsed = (bide.now() - start) * 1e9
        thread:await()
        return elapsed
    end,
})

harness.main()
