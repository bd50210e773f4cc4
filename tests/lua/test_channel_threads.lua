package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

-- -- threads ---------------------------------------------------------------

function test_channel_fed_by_a_blocking_thread()
    run(function()
        local ch, high = bide.channel(4), 0
        local thread = bide.spawn_thread(function(ch)
            for i = 1, 1000 do
                ch:send({ i, tostring(i) })
            end
            ch:close()
            return "fed"
        end, ch)
        local n = 0
        for v in ch do
            n = n + 1
            eq(v[1], n)
            eq(v[2], tostring(n))
            high = math.max(high, #ch)
        end
        eq(n, 1000)
        lu.assertTrue(high <= 4)
        eq(thread:await(), "fed")
    end, { virtual_clock = false })
end

function test_channel_drained_by_a_blocking_thread()
    run(function()
        local ch = bide.channel(2)
        local thread = bide.spawn_thread(function(ch)
            local sum, n = 0, 0
            for v in ch do
                sum, n = sum + v.x, n + 1
            end
            return sum, n
        end, ch)
        local g = {}
        for part = 0, 3 do
            g[part] = bide.spawn(function()
                for i = 1, 100 do
                    ch:send({ x = part * 100 + i })
                end
            end)
        end
        for part = 0, 3 do
            g[part]:await()
        end
        ch:close()
        eq({ thread:await() }, { 400 * 401 // 2, 400 })
    end, { virtual_clock = false })
end

function test_channel_close_wakes_blocked_threads()
    run(function()
        local ch, ready = bide.channel(1), bide.channel(2)
        local threads = {}
        for i = 1, 2 do
            threads[i] = bide.spawn_thread(function(ch, ready)
                ready:send(true)
                return select(2, ch:recv())
            end, ch, ready)
        end
        ready:recv()
        ready:recv()
        ch:close()
        eq(threads[1]:await(), "closed")
        eq(threads[2]:await(), "closed")
    end, { virtual_clock = false })
end

function test_channel_blocking_recv_times_out()
    run(function()
        local ch = bide.channel(1)
        local why, code = bide.spawn_blocking(function(ch)
            return select(2, ch:recv(0.005))
        end, ch)
        eq({ why, code }, { "timeout", "ETIMEDOUT" })
        ch:send("full")
        why = bide.spawn_blocking(function(ch)
            return select(2, ch:send("more", 0.005))
        end, ch)
        eq(why, "timeout")
        eq(ch:recv(), "full")
    end, { virtual_clock = false })
end

function test_channel_of_two_threads_loses_and_doubles_nothing()
    run(function()
        local ch, out = bide.channel(3), bide.unbounded_channel()
        local threads = {}
        for id = 1, 3 do
            threads[#threads + 1] = bide.spawn_thread(function(ch, id)
                for i = 1, 200 do
                    ch:send(id * 1000 + i)
                end
            end, ch, id)
        end
        local readers = {}
        for i = 1, 2 do
            readers[i] = bide.spawn_thread(function(ch, out)
                for v in ch do
                    out:send(v)
                end
            end, ch, out)
        end
        readers[3] = bide.spawn(function()
            for v in ch do
                out:send(v)
            end
        end)
        for _, thread in ipairs(threads) do
            thread:await()
        end
        ch:close()
        for _, reader in ipairs(readers) do
            reader:await()
        end
        out:close()
        local seen, n = {}, 0
        for v in out do
            lu.assertNil(seen[v])
            seen[v], n = true, n + 1
        end
        eq(n, 600)
    end, { virtual_clock = false })
end

function test_channel_thread_is_freed_by_cancelling_its_job()
    run(function()
        local ch, ready = bide.channel(1), bide.channel(1)
        local thread = bide.spawn_thread(function(ch, ready)
            ready:send(true)
            ch:recv()
        end, ch, ready)
        ready:recv()
        eq(thread:cancel(), true)
        local ok, err = thread:join()
        eq(ok, false)
        lu.assertStrContains(tostring(err), "cancelled")
        eq(ch:closed(), false)
    end, { virtual_clock = false })
end

-- -- values ----------------------------------------------------------------

function test_channel_carries_references()
    run(function()
        local ch = bide.channel(10)
        local values = { {}, print, coroutine.create(print), io.stdout, "s",
            1, 1.0, true, false, ch }
        for _, v in ipairs(values) do
            ch:send(v)
        end
        for _, v in ipairs(values) do
            local got = ch:recv()
            lu.assertTrue(rawequal(got, v))
            eq(math.type(got), math.type(v))
        end
    end)
end

function test_channel_refuses_nil()
    run(function()
        local ch = bide.channel(1)
        lu.assertErrorMsgContains("nil cannot be sent", ch.send, ch, nil)
        lu.assertErrorMsgContains("nil cannot be sent", ch.try_send, ch)
        eq(#ch, 0)
    end)
end

function test_channel_needs_a_capacity()
    lu.assertErrorMsgContains("unbounded_channel", bide.channel)
    lu.assertErrorMsgContains("at least 1", bide.channel, 0)
    local ch = bide.channel(2, "jobs")
    eq(ch:name(), "jobs")
    eq(ch:capacity(), 2)
    lu.assertStrContains(tostring(ch), "jobs")
end

function test_channel_outside_a_run_says_what_to_do()
    local ch = bide.channel(1)
    lu.assertErrorMsgContains("bide.run", ch.recv, ch)
    lu.assertErrorMsgContains("bide.run", ch.send, ch, 1)
    eq(ch:try_send({ 1 }), true)
    eq(ch:try_recv(), { 1 })
end

function test_channel_lets_go_of_what_it_gave()
    local weak = setmetatable({}, { __mode = "v" })
    run(function()
        local ch = bide.channel(2)
        weak[1] = {}
        ch:send(weak[1])
        collectgarbage()
        lu.assertNotNil(weak[1])
        ch:recv()
        collectgarbage()
        lu.assertNil(weak[1])
    end)
end

function test_channel_lets_go_of_what_was_not_sent()
    local weak = setmetatable({}, { __mode = "v" })
    run(function()
        local ch = bide.channel(1)
        ch:send(0)
        weak[1] = {}
        local task = bide.spawn(function(v) ch:send(v) end, weak[1])
        settle()
        task:cancel()
        task:join()
        weak[4] = {}
        ch:try_send(weak[4])
        ch:close()
        weak[2] = {}
        ch:send(weak[2])
        weak[3] = {}
        ch:try_send(weak[3])
        task = nil
        collectgarbage()
        collectgarbage()
        eq(next(weak), nil)
    end)
end

function test_channel_and_what_is_inside_are_collected()
    local weak = setmetatable({}, { __mode = "v" })
    run(function()
        local ch = bide.channel(2)
        weak[1], weak[2] = {}, ch
        ch:send(weak[1])
        ch:send(ch)
    end)
    collectgarbage()
    collectgarbage()
    eq(next(weak), nil)
end

function test_channel_slots_are_used_again()
    run(function()
        local ch = bide.channel(4)
        for round = 1, 50 do
            for i = 1, 4 do
                ch:send({ round, i })
            end
            for i = 1, 4 do
                eq(ch:recv(), { round, i })
            end
        end
    end)
end

-- What was sent before the channel went to a thread is copied after the fact,
-- waiting senders' values included.
function test_channel_shared_with_values_inside()
    run(function()
        local ch = bide.channel(2)
        ch:send({ n = 1, ch = ch })
        ch:send("two")
        local waiting = bide.spawn(function() return ch:send({ n = 3 }) end)
        settle()
        local a, b, c, same = bide.spawn_blocking(function(ch)
            local a, b, c = ch:recv(), ch:recv(), ch:recv()
            return a.n, b, c.n, a.ch == ch
        end, ch)
        eq({ a, b, c, same }, { 1, "two", 3, true })
        eq(waiting:await(), true)
        local mine = {}
        ch:send(mine)
        lu.assertFalse(rawequal(ch:recv(), mine))
    end, { virtual_clock = false })
end

function test_channel_that_cannot_be_shared_keeps_its_values()
    run(function()
        local ch = bide.channel(3)
        ch:send({ 1 })
        ch:send({ file = io.stdout })
        lu.assertErrorMsgContains("field 'file'", bide.spawn_blocking,
            function(ch) return ch:recv() end, ch)
        eq(ch:recv(), { 1 })
        eq(ch:recv().file, io.stdout)
    end, { virtual_clock = false })
end

function test_channel_shared_refuses_what_cannot_travel()
    run(function()
        local ch = bide.channel(1)
        bide.spawn_blocking(function(ch) return #ch end, ch)
        lu.assertErrorMsgContains("the value is a userdata", ch.send, ch,
            io.stdout)
        eq(#ch, 0)
    end, { virtual_clock = false })
end

support.finish()
