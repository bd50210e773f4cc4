package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

-- Spawns fn, whose result goes to the end of `log`.
local function logged(log, fn, ...)
    return bide.spawn(function(...)
        local result = fn(...) or "nil"
        log[#log + 1] = result
    end, ...)
end

function test_channel_keeps_the_order()
    run(function()
        local ch = bide.channel(3)
        local got = {}
        local reader = bide.spawn(function()
            for v in ch do
                got[#got + 1] = v
            end
        end)
        for i = 1, 10 do
            eq(ch:send(i), true)
        end
        ch:close()
        reader:await()
        eq(got, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 })
    end)
end

function test_channel_send_waits_when_full()
    run(function()
        local ch = bide.channel(1)
        local sent = 0
        bide.spawn(function()
            for i = 1, 3 do
                ch:send(i)
                sent = i
            end
        end)
        settle()
        eq(sent, 1)
        eq(ch:recv(), 1)
        settle()
        eq(sent, 2)
        eq(#ch, 1)
    end)
end

function test_channel_recv_waits_when_empty()
    run(function()
        local ch = bide.channel(1)
        local log = {}
        logged(log, ch.recv, ch)
        settle()
        eq(log, {})
        ch:send("late")
        settle()
        eq(log, { "late" })
    end)
end

function test_channel_serves_receivers_in_fifo_order()
    run(function()
        local ch = bide.channel(4)
        local log = {}
        for i = 1, 3 do
            logged(log, function() return i .. ch:recv() end)
        end
        settle()
        for _, v in ipairs { "a", "b", "c" } do
            ch:send(v)
        end
        settle()
        eq(log, { "1a", "2b", "3c" })
    end)
end

function test_channel_serves_senders_in_fifo_order()
    run(function()
        local ch = bide.channel(1)
        ch:send(0)
        for i = 1, 3 do
            bide.spawn(function() ch:send(i) end)
        end
        settle()
        for i = 0, 3 do
            eq(ch:recv(), i)
        end
    end)
end

function test_channel_try_send_never_waits()
    run(function()
        local ch = bide.channel(1)
        eq(ch:try_send(1), true)
        eq({ ch:try_send(2) }, { nil, "full", "EWOULDBLOCK" })
        bide.spawn(function() ch:send(3) end)
        settle()
        eq(ch:recv(), 1)
        eq({ ch:try_send(4) }, { nil, "full", "EWOULDBLOCK" })
        eq(ch:recv(), 3)
        eq({ ch:try_recv() }, { nil, "empty", "EWOULDBLOCK" })
    end)
end

function test_channel_try_recv_never_waits()
    run(function()
        local ch = bide.channel(1)
        eq({ ch:try_recv() }, { nil, "empty", "EWOULDBLOCK" })
        ch:send("v")
        eq(ch:try_recv(), "v")
        ch:close()
        eq({ ch:try_recv() }, { nil, "closed", "ECLOSED" })
    end)
end

function test_channel_unbounded_send_never_waits()
    run(function()
        local ch = bide.unbounded_channel()
        for i = 1, 1000 do
            eq(ch:try_send(i), true)
        end
        eq(#ch, 1000)
        eq(ch:capacity(), math.huge)
        eq(ch:recv(), 1)
    end)
end

function test_channel_close_drains_then_ends()
    run(function()
        local ch = bide.channel(2)
        ch:send("a")
        ch:send("b")
        ch:close()
        eq(ch:closed(), true)
        eq(ch:recv(), "a")
        eq(ch:recv(), "b")
        eq({ ch:recv() }, { nil, "closed", "ECLOSED" })
        eq({ ch:recv_many(5) }, { nil, "closed", "ECLOSED" })
    end)
end

function test_channel_close_wakes_receivers()
    run(function()
        local ch = bide.channel(1)
        local log = {}
        for _ = 1, 2 do
            logged(log, function() return select(2, ch:recv()) end)
        end
        settle()
        ch:close()
        settle()
        eq(log, { "closed", "closed" })
    end)
end

function test_channel_close_wakes_senders_with_their_values()
    run(function()
        local ch = bide.channel(1)
        local log, value = {}, { "mine" }
        ch:send(0)
        logged(log, function()
            local ok, why = ch:send(value)
            return ok == nil and why .. " " .. value[1]
        end)
        settle()
        ch:close()
        settle()
        eq(log, { "closed mine" })
        eq(ch:recv(), 0)
        eq(ch:recv(), nil)
    end)
end

function test_channel_send_after_close_is_an_error()
    run(function()
        local ch = bide.channel(1)
        ch:close()
        eq({ ch:send({}) }, { nil, "closed", "ECLOSED" })
        eq({ ch:try_send({}) }, { nil, "closed", "ECLOSED" })
        eq(#ch, 0)
    end)
end

function test_channel_cancelled_send_keeps_its_value()
    run(function()
        local ch = bide.channel(1)
        ch:send("first")
        local task = bide.spawn(function() ch:send("second") end)
        settle()
        task:cancel()
        eq((task:join()), false)
        eq(ch:recv(), "first")
        eq({ ch:try_recv() }, { nil, "empty", "EWOULDBLOCK" })
    end)
end

function test_channel_cancelled_recv_loses_nothing()
    run(function()
        local ch = bide.channel(1)
        local log = {}
        local task = bide.spawn(function() ch:recv() end)
        logged(log, ch.recv, ch)
        settle()
        task:cancel()
        ch:send({ "kept" })
        settle()
        eq(log, { { "kept" } })
    end)
end

function test_channel_recv_many_takes_what_is_there()
    run(function()
        local ch = bide.channel(10)
        for i = 1, 5 do
            ch:send(i)
        end
        eq(ch:recv_many(3), { 1, 2, 3 })
        eq(ch:recv_many(), { 4, 5 })
        lu.assertErrorMsgContains("at least 1", ch.recv_many, ch, 0)
    end)
end

function test_channel_recv_many_waits_for_the_first()
    run(function()
        local ch = bide.channel(10)
        local log = {}
        logged(log, ch.recv_many, ch, 5)
        settle()
        eq(log, {})
        ch:send({ "v" })
        settle()
        eq(log, { { { "v" } } })
    end)
end

function test_channel_iteration_ends_with_the_close()
    run(function()
        local ch = bide.channel(2)
        ch:send(1)
        ch:send(false)
        ch:close()
        local seen = {}
        for v in ch do
            seen[#seen + 1] = v
        end
        eq(seen, { 1, false })
    end)
end

support.finish()
