-- A blocking consumer on a thread of its own feeds a bounded channel; a task
-- takes the messages off in batches.
--
-- This is how to use a client library that only knows blocking calls (Kafka,
-- a message bus, a serial port): the library lives in the thread, and the
-- channel's bound is the back-pressure. When the batches are slow, the thread
-- waits in ch:send, and with it the library.
local bide = require "bide"

local MESSAGES = 10000

-- Runs in a Lua state of its own: what it needs it requires or gets as an
-- argument. In such a thread ch:send blocks the thread.
local function consumer(ch, count)
    for offset = 1, count do
        -- local message = client:poll(), in real life
        local message = { offset = offset, value = "event " .. offset }
        if not ch:send(message) then
            break -- the channel was closed: nobody wants more
        end
    end
    ch:close()
    return "the consumer has stopped"
end

bide.run(function()
    local ch = bide.channel(256, "messages")
    local thread = bide.spawn_thread({ name = "consumer" }, consumer, ch,
        MESSAGES)

    local seen, batches, largest = 0, 0, 0
    while true do
        local batch = ch:recv_many(500) -- waits for one, takes what is there
        if not batch then
            break -- nil, "closed"
        end
        for _, message in ipairs(batch) do
            seen = seen + 1
            assert(message.offset == seen, "out of order")
        end
        batches = batches + 1
        largest = math.max(largest, #batch)
        bide.yield_now() -- or commit the offsets of this batch
    end
    print(("%d messages in %d batches, the largest of %d"):format(seen,
        batches, largest))
    print(thread:await())
    assert(seen == MESSAGES)
end)
