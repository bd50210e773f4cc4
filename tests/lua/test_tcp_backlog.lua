-- Writing several strings at once, reading and writing without waiting, and the
-- marks between which a stream buffers.
package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, contains = lu.assertEquals, lu.assertStrContains
local settle, with_pair = support.settle, support.with_pair

local BIG = ("0123456789abcdef"):rep(1 << 18)

function test_tcp_much_on_many_streams_all_arrives()
    local data = ("0123456789abcdefghijklmno"):rep(8000)
    bide.run(function()
        local readers = {}
        for i = 1, 8 do
            local a, b = bide.socketpair()
            bide.spawn(function()
                a:write(data)
                a:close()
            end)
            readers[i] = bide.spawn(function()
                local parts = {}
                for part in function() return b:readsome() end do
                    parts[#parts + 1] = part
                end
                b:close()
                return table.concat(parts)
            end)
        end
        for i = 1, 8 do
            eq(readers[i]:await() == data, true)
        end
    end)
end

function test_tcp_messages_of_all_lengths_arrive_whole()
    local letters = ("0123456789abcdefghijklmno"):rep(13000)
    bide.run(function()
        local a, b = bide.socketpair()
        local taken = bide.semaphore(0)
        bide.spawn(function()
            for i, n in ipairs {10, 20000, 70000, 300000, 5, 140000, 1} do
                a:write(letters:sub(i, i + n - 1))
                taken:acquire()
            end
            a:close()
        end)
        for i, n in ipairs {10, 20000, 70000, 300000, 5, 140000, 1} do
            local parts, got = {}, 0
            while got < n do
                local part = b:readsome(1 << 20)
                got = got + #part
                parts[#parts + 1] = part
            end
            eq(table.concat(parts) == letters:sub(i, i + n - 1), true)
            taken:release()
        end
        eq({b:readsome()}, {nil, "eof"})
        b:close()
    end)
end

function test_tcp_write_many_sends_all_in_order()
    with_pair(function(a, b)
        local parts, whole = {}, {}
        for i = 1, 150 do
            parts[i] = string.char(i % 256):rep(i % 90)
        end
        parts[151] = 42
        eq(a:write(table.unpack(parts)), a)
        whole = table.concat(parts)
        lu.assertTrue(#whole > 4096) -- not joined
        eq(b:read(#whole), whole)
        a:write("x", 1, "y")
        eq(b:read(3), "x1y")
        lu.assertErrorMsgContains("string expected, got table", a.write, a, "x", {})
    end)
end

function test_tcp_write_many_waits_for_a_slow_reader()
    with_pair(function(a, b)
        local writing = bide.spawn(function()
            a:write(BIG, "middle", BIG)
            a:shutdown()
        end)
        settle()
        eq(writing:done(), false)
        local got = b:read("a")
        lu.assertTrue(got == BIG .. "middle" .. BIG)
        writing:await()
    end)
end

function test_tcp_try_read_does_not_wait()
    with_pair(function(a, b)
        eq(select(3, b:try_read()), "EWOULDBLOCK")
        a:write("abcdef")
        eq(b:try_read(4), "abcd")
        eq(b:try_read(), "ef")
        lu.assertErrorMsgContains("at least 1", b.try_read, b, 0)
        a:close()
        eq({ b:try_read() }, { nil, "eof" })
        b:close()
        eq(select(3, b:try_read()), "ECLOSED")
    end)
end

function test_tcp_try_read_beside_a_reader_is_an_error()
    with_pair(function(a, b)
        local reading = bide.spawn(b.readsome, b)
        settle()
        lu.assertErrorMsgContains("already reading", b.try_read, b)
        a:write("it")
        eq(reading:await(), "it")
    end)
end

function test_tcp_try_write_takes_what_fits()
    with_pair(function(a, b)
        eq(a:try_write(""), 0)
        local sent = a:try_write(BIG)
        lu.assertTrue(sent > 0 and sent < #BIG)
        repeat
            local more, _, code = a:try_write(BIG:sub(sent + 1))
            sent = sent + (more or 0)
        until code == "EWOULDBLOCK"
        eq(a:unsent(), 0)
        lu.assertTrue(b:read(sent) == BIG:sub(1, sent))
        a:close()
        eq(select(3, a:try_write("x")), "ECLOSED")
    end)
end

function test_tcp_write_nowait_is_sent_in_the_background()
    with_pair(function(a, b)
        local writing = bide.spawn(function()
            eq(a:write_nowait(BIG), a)
            lu.assertTrue(a:unsent() > 0)
            for i = 1, 100 do
                a:write_nowait(i)
            end
            a:write("end")
            eq(a:unsent(), 0)
            a:shutdown()
            eq(select(3, a:write_nowait("x")), "EPIPE")
            eq(a:drain(), a)
        end)
        local numbers = {}
        for i = 1, 100 do
            numbers[i] = i
        end
        local got = b:read("a")
        lu.assertTrue(got == BIG .. table.concat(numbers) .. "end")
        writing:await()
    end)
end

local function fill(c)
    c:limits { write_high = 1 << 20, write_low = 1 << 19 }
    while c:unsent() <= 1 << 20 do
        c:write_nowait(BIG:sub(1, 100000))
    end
end

function test_tcp_drain_waits_for_the_low_mark()
    with_pair(function(a, b)
        eq(a:drain(), a)
        fill(a)
        local draining = bide.spawn(function()
            a:drain()
            return a:unsent()
        end)
        settle()
        eq(draining:done(), false)
        while not draining:done() do
            b:readsome()
        end
        lu.assertTrue(draining:await() <= 1 << 19)
    end)
end

function test_tcp_cancelled_drain_changes_nothing()
    with_pair(function(a, b)
        fill(a)
        local before = a:unsent()
        eq({ bide.timeout(0.01, a.drain, a) }, { nil, "timeout", "ETIMEDOUT" })
        eq(a:unsent(), before)
        while a:unsent() > 0 do
            b:readsome()
        end
    end)
end

function test_tcp_drain_ends_with_the_stream()
    with_pair(function(a)
        fill(a)
        local draining = bide.spawn(function() return a:drain() end)
        settle()
        a:close()
        eq(select(3, draining:await()), "ECLOSED")
    end)
    with_pair(function(a, b)
        fill(a)
        local draining = bide.spawn(function() return a:drain() end)
        settle()
        b:close() -- with bytes it has not read: a reset
        local _, _, code = draining:await()
        lu.assertTrue(code == "ECONNRESET" or code == "EPIPE")
    end)
end

function test_tcp_reading_stops_at_the_high_mark()
    with_pair(function(a, b)
        eq(b:limits().read_high, 262144)
        eq(b:limits({ read_high = 1000, read_low = 100 }).read_low, 100)
        a:write(BIG:sub(1, 1000))
        eq(b:peek(1), "0")
        eq(b:buffered(), 1000)
        a:write(BIG:sub(1001, 1500))
        settle(100)
        eq(b:buffered(), 1000)
        eq(b:read(900), BIG:sub(1, 900))
        while b:buffered() < 600 do
            bide.yield_now()
        end
        lu.assertErrorMsgContains("low mark is above", b.limits, b,
            { read_low = 2000 })
        lu.assertErrorMsgContains("'read_high'", b.limits, b,
            { read_high = 0 })
        lu.assertErrorMsgContains("unknown option", b.limits, b, { high = 1 })
    end)
end

function test_tcp_peek_takes_nothing()
    with_pair(function(a, b)
        a:write("GET / HTTP")
        eq(b:peek(3), "GET")
        eq(b:read(3), "GET")
        eq({ bide.timeout(0.01, b.peek, b, 100) }, { nil, "timeout", "ETIMEDOUT" })
        a:shutdown()
        eq(b:peek(100), " / HTTP")
        eq(b:read("a"), " / HTTP")
        eq({ b:peek(1) }, { nil, "eof" })
        lu.assertErrorMsgContains("n must be at least 1, not 0", b.peek, b, 0)
    end)
end

function test_tcp_lines_end_with_the_stream()
    with_pair(function(a, b)
        a:write("one\ntwo\r\n\nlast")
        a:shutdown()
        local got = {}
        for line in b:lines() do
            got[#got + 1] = line
        end
        eq(got, { "one", "two", "", "last" })
    end)
end

function test_tcp_line_over_its_limit_is_an_error()
    with_pair(function(a, b)
        a:write("short\n", ("x"):rep(20), "\n")
        local got = {}
        local ok, err = pcall(function()
            for line in b:lines("l", 10) do
                got[#got + 1] = line
            end
        end)
        eq(got, { "short" })
        eq(ok, false)
        contains(err, "limit")
        eq(b:read("l"), ("x"):rep(20))
    end)
end

support.finish()
