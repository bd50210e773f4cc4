package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, contains = lu.assertEquals, lu.assertStrContains
local settle = support.settle
local listen, with_pair = support.listen, support.with_pair

function test_tcp_echo()
    bide.run(function()
        local srv <close> = listen()
        bide.spawn(function()
            srv:serve(function(c)
                for line in c:lines("L") do
                    c:write(line)
                end
            end)
        end)
        local c <close> = assert(bide.tcp.connect("127.0.0.1", srv:port()))
        for i = 1, 100 do
            eq(c:write("line ", i, "\n"), c)
            eq(c:read("l"), "line " .. i)
        end
    end)
end

function test_tcp_read_granted_before_a_close()
    with_pair(function(a, b)
        local reading = bide.spawn(b.readsome, b)
        settle()
        a:write("abc")
        while b:buffered() == 0 do
            bide.yield_now()
        end
        eq(reading:done(), false)
        b:close()
        eq(reading:await(), "abc")
    end)
end

function test_tcp_connects_by_name()
    bide.run(function()
        local srv <close> = listen()
        local c <close> = assert(bide.tcp.connect("localhost", srv:port()))
        eq(select(2, c:peer()), srv:port())
    end)
end

function test_tcp_addresses_are_told()
    with_pair(function(a, b, srv)
        local host, port = srv:address()
        eq(host, "127.0.0.1")
        lu.assertTrue(port > 0)
        eq(srv:port(), port)
        eq({ a:peer() }, { host, port })
        eq({ b:address() }, { host, port })
        eq({ a:address() }, { b:peer() })
        contains(tostring(a), "port " .. port)
        contains(tostring(srv), "port " .. port)
        lu.assertTrue(a:fd() > 2)
    end)
end

function test_tcp_options_can_be_set()
    with_pair(function(a, _, srv)
        eq(a:nodelay(), a)
        eq(a:nodelay(false), a)
        eq(a:keepalive(30), a)
        eq(a:keepalive(false), a)
        lu.assertErrorMsgContains("whole seconds", a.keepalive, a, 0)
        local c <close> = assert(bide.tcp.connect("127.0.0.1", srv:port(),
            { nodelay = true, keepalive = 10 }))
        lu.assertErrorMsgContains("unknown option 'no_delay'",
            bide.tcp.connect, "127.0.0.1", 1, { no_delay = true })
    end)
end

function test_tcp_read_takes_at_most_what_was_asked()
    with_pair(function(a, b)
        a:write("abcdef")
        eq(b:read(2), "ab")
        eq(b:readsome(3), "cde")
        eq(b:readsome(), "f")
        lu.assertErrorMsgContains("at least 1", b.readsome, b, 0)
    end)
end

function test_tcp_read_exact_across_segments()
    with_pair(function(a, b)
        local reader = bide.spawn(function() return b:read(6) end)
        a:write("ab")
        settle()
        a:write("cdef")
        eq(reader:await(), "abcdef")
        eq(b:read(0), "")
    end)
end

function test_tcp_read_exact_of_much()
    with_pair(function(a, b)
        local part = ("0123456789abcdefghijklmno"):rep(1000)
        for _ = 1, 8 do
            bide.timeout(0.001, b.read, b, 8 * #part)
            a:write(part)
        end
        eq(b:read(8 * #part) == part:rep(8), true)
        eq(b:buffered(), 0)
    end)
end

function test_tcp_read_until_across_segments()
    with_pair(function(a, b)
        local reader = bide.spawn(function()
            return b:readuntil("\r\n\r\n")
        end)
        for _, part in ipairs { "head\r", "\n", "\r", "\nbody" } do
            a:write(part)
            settle(20)
        end
        eq(reader:await(), "head\r\n\r\n")
        eq(b:read(4), "body")
    end)
end

function test_tcp_end_of_stream_is_told()
    with_pair(function(a, b)
        a:write("last")
        a:close()
        eq(b:readsome(), "last")
        eq({ b:readsome() }, { nil, "eof" })
        eq({ b:read("l") }, { nil, "eof" })
        eq({ b:read(1) }, { nil, "eof" })
        eq({ b:readuntil(";") }, { nil, "eof" })
        eq(b:read("a"), "")
    end)
end

function test_tcp_second_writer_queues()
    with_pair(function(a, b)
        local size = 1000000
        local writers = {}
        for i, letter in ipairs { "a", "b", "c" } do
            writers[i] = bide.spawn(function()
                assert(a:write(letter:rep(size)))
            end)
        end
        settle()
        for _, letter in ipairs { "a", "b", "c" } do
            eq(b:read(size) == letter:rep(size), true)
        end
        for _, writer in ipairs(writers) do
            writer:await()
        end
    end)
end

function test_tcp_write_waits_for_a_slow_reader()
    with_pair(function(a, b)
        local data = string.rep("0123456789", 800000)
        local done = false
        local writer = bide.spawn(function()
            assert(a:write(data))
            done = true
            a:shutdown()
        end)
        settle(20)
        eq(done, false)
        local parts = {}
        while true do
            local part = b:readsome(50000)
            if not part then
                break
            end
            parts[#parts + 1] = part
        end
        eq(table.concat(parts) == data, true)
        writer:await()
    end)
end

function test_tcp_shutdown_ends_the_sending_half()
    with_pair(function(a, b)
        a:write("question")
        eq(a:shutdown(), a)
        eq(b:read("a"), "question")
        b:write("answer")
        b:close()
        eq(a:read("a"), "answer")
    end)
end

function test_tcp_close_wakes_the_waits()
    with_pair(function(a)
        local log = {}
        local reader = bide.spawn(function()
            return select(3, a:readsome())
        end)
        settle()
        a:close()
        eq(reader:await(), "ECLOSED")
        eq(a:closed(), true)
        log = { a:write("too late") }
        eq({ log[1], log[3] }, { nil, "ECLOSED" })
        a:close()
    end)
end

function test_tcp_cancelled_read_loses_nothing()
    with_pair(function(a, b)
        for _, read in ipairs {
            function() return b:read(100) end,
            function() return b:read("l") end,
            function() return b:read("a") end,
            function() return b:readuntil(";") end,
        } do
            a:write("abc")
            local reader = bide.spawn(read)
            settle(20)
            reader:cancel()
            eq((reader:join()), false)
            eq(b:read(3), "abc")
        end
    end)
end

function test_tcp_cancelled_write_keeps_the_stream_in_step()
    with_pair(function(a, b)
        local size = 8000000
        local writer = bide.spawn(function() a:write(("w"):rep(size)) end)
        settle(5)
        writer:cancel()
        eq((writer:join()), false)
        local marker = bide.spawn(function()
            a:write("marker")
            a:shutdown()
        end)
        local all = b:read("a")
        marker:await()
        eq(all == ("w"):rep(size) .. "marker", true)
    end)
end

function test_tcp_cancelled_accept_loses_no_connection()
    bide.run(function()
        local srv <close> = listen()
        local first = bide.spawn(srv.accept, srv)
        settle()
        first:cancel()
        eq((first:join()), false)
        local c <close> = assert(bide.tcp.connect("127.0.0.1", srv:port()))
        local s <close> = assert(srv:accept())
        c:write("hello\n")
        eq(s:read(), "hello")
    end)
end

function test_tcp_cancelled_connect_leaves_nothing()
    bide.run(function()
        local srv <close> = listen()
        local port = srv:port()
        for rounds = 0, 6 do
            local task = bide.spawn(function()
                local c <close> = assert(bide.tcp.connect("localhost", port))
                c:readsome()
            end)
            settle(rounds)
            task:cancel()
            eq((task:join()), false)
        end
    end)
    collectgarbage()
end

function test_tcp_listener_close_wakes_the_accepts()
    bide.run(function()
        local srv = listen()
        local waiting = {}
        for i = 1, 2 do
            waiting[i] = bide.spawn(function()
                return select(3, srv:accept())
            end)
        end
        settle()
        srv:close()
        eq(waiting[1]:await(), "ECLOSED")
        eq(waiting[2]:await(), "ECLOSED")
        eq(srv:closed(), true)
        for _ in srv:clients() do
            lu.fail("a client of a closed listener")
        end
    end)
end

function test_tcp_serve_runs_a_task_per_connection()
    local reports = {}
    local before = bide.on_unhandled(function(message)
        reports[#reports + 1] = message
    end)
    bide.run(function()
        local srv <close> = listen()
        local handled, live = 0, 0
        local server = bide.spawn(function()
            return srv:serve(function(c)
                handled, live = handled + 1, live + 1
                local line = c:read("l")
                live = live - 1
                if line == "fail" then
                    error("a handler's error")
                end
                c:write(line, "\n")
            end, { nodelay = true })
        end)
        local clients = {}
        for i = 1, 10 do
            clients[i] = assert(bide.tcp.connect("127.0.0.1", srv:port()))
        end
        clients[5]:write("fail\n")
        eq({ clients[5]:readsome() }, { nil, "eof" })
        for i = 1, 10 do
            if i ~= 5 then
                clients[i]:write("hello ", i, "\n")
                eq(clients[i]:read(), "hello " .. i)
                eq({ clients[i]:readsome() }, { nil, "eof" }) -- closed
            end
        end
        eq(handled, 10)
        srv:close()
        eq(server:await(), true)
    end)
    bide.on_unhandled(before)
    eq(#reports, 1)
    contains(reports[1], "a handler's error")
    contains(reports[1], "stack traceback")
end

-- -- Lua's own -------------------------------------------------------------

function test_tcp_serve_waits_for_its_connections()
    bide.run(function()
        local srv <close> = listen()
        local started, go, ended = bide.event(), bide.event(), false
        local server = bide.spawn(function()
            srv:serve(function()
                started:set()
                go:wait()
                ended = true
            end)
            return ended
        end)
        local c <close> = assert(bide.tcp.connect("127.0.0.1", srv:port()))
        started:wait()
        srv:close()
        settle()
        eq(ended, false)
        go:set()
        eq(server:await(), true)
    end)
end

function test_tcp_serve_cancelled_cancels_its_connections()
    bide.run(function()
        local srv <close> = listen()
        local started, why = bide.event(), nil
        local server = bide.spawn(function()
            srv:serve(function(c)
                started:set()
                local ok, err = pcall(c.readsome, c)
                why = not ok and bide.is_cancelled(err)
                error(err, 0)
            end)
        end)
        local c <close> = assert(bide.tcp.connect("127.0.0.1", srv:port()))
        started:wait()
        server:cancel()
        eq((server:join()), false)
        eq(why, true)
        eq({ c:readsome() }, { nil, "eof" })
    end)
end

function test_tcp_clients_are_iterated()
    bide.run(function()
        local srv = listen()
        local connecting = bide.spawn(function()
            for i = 1, 3 do
                local c <close> = assert(
                    bide.tcp.connect("127.0.0.1", srv:port()))
                c:write(i, "\n")
            end
        end)
        local sum = 0
        for c in srv:clients() do
            local c <close> = c
            sum = sum + tonumber(c:read())
            if sum == 6 then
                srv:close()
            end
        end
        eq(sum, 6)
        connecting:await()
    end)
end

function test_tcp_lines_end_as_they_came()
    with_pair(function(a, b)
        a:write("unix\ndos\r\n\nlast")
        a:close()
        eq(b:read("l"), "unix")
        eq(b:read("L"), "dos\r\n")
        eq(b:read("l"), "")
        eq(b:read("l"), "last")
        eq({ b:read("l") }, { nil, "eof" })
    end)
    with_pair(function(a, b)
        a:write("one\r\ntwo\n")
        a:close()
        local lines = {}
        for line in b:lines() do
            lines[#lines + 1] = line
        end
        eq(lines, { "one", "two" })
    end)
end

function test_tcp_writes_of_nothing_and_of_numbers()
    with_pair(function(a, b)
        eq(a:write(""), a)
        eq(a:write(1, 2.5, "x"), a)
        eq(b:read(5), "12.5x")
    end)
end

-- A reader is cancelled after any number of rounds while data trickles in;
-- what it did not return is still there.
function test_tcp_cancel_at_every_park()
    local text = "one\ntwo\nthree\nfour\n"
    for k = 0, 40 do
        with_pair(function(a, b)
            local got = {}
            local writer = bide.spawn(function()
                for i = 1, #text do
                    a:write(text:sub(i, i))
                    bide.yield_now()
                end
                a:shutdown()
            end)
            local reader = bide.spawn(function()
                for line in b:lines("L") do
                    got[#got + 1] = line
                end
            end)
            settle(k)
            reader:cancel()
            reader:join()
            got[#got + 1] = b:read("a")
            eq(table.concat(got), text)
            writer:await()
        end)
    end
end

function test_tcp_many_connections()
    bide.run(function()
        local srv <close> = listen()
        bide.spawn(function()
            srv:serve(function(c)
                while true do
                    local s = c:readsome()
                    if not s then
                        return
                    end
                    c:write(s)
                end
            end)
        end)
        local g <close> = bide.scope()
        for i = 1, 300 do
            g:spawn(function()
                local c <close> = assert(
                    bide.tcp.connect("127.0.0.1", srv:port()))
                for round = 1, 5 do
                    local message = ("%d/%d"):format(i, round)
                    c:write(message)
                    eq(c:read(#message), message)
                end
            end)
        end
    end)
end

support.finish()
