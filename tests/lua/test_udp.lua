package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, contains = lu.assertEquals, lu.assertStrContains
local raises = lu.assertErrorMsgContains
local settle = support.settle

-- Runs fn(a, b) with two sockets, of which b is connected to a.
local function with_pair(fn)
    return bide.run(function()
        local a <close> = assert(bide.udp.bind("127.0.0.1", 0))
        local b <close> = assert(bide.udp.connect("127.0.0.1", a:port()))
        return fn(a, b)
    end)
end

local function code_of(...)
    return (select(3, ...))
end

function test_udp_echo()
    with_pair(function(a, b)
        local serving = bide.spawn(function()
            for data, address in a:datagrams() do
                eq(a:send_to(data, address), a)
            end
        end)
        for i = 1, 10 do
            eq(b:send("hello " .. i), b)
            eq(b:recv(), "hello " .. i)
        end
        a:close()
        serving:await()
    end)
end

function test_udp_connects_by_name()
    bide.run(function()
        local a <close> = assert(bide.udp.bind(nil, 0))
        local b <close> = assert(bide.udp.connect("localhost", a:port()))
        b:send("hello")
        local data, from = a:recv_from()
        eq(data, "hello")
        eq(from:port(), b:port())
        for _, open in ipairs { bide.udp.bind, bide.udp.connect } do
            local u, message, code = open("no-such-host.invalid", 1)
            eq({ u, code }, { nil, "ENAME" })
            contains(message, "no-such-host")
        end
    end)
end

function test_udp_addresses_are_told()
    with_pair(function(a, b)
        eq({ b:peer() }, { "127.0.0.1", a:port() })
        eq({ a:address() }, { "127.0.0.1", a:port() })
        eq(code_of(a:peer()), "ENOTCONN")
        contains(tostring(a), "port " .. a:port())
        lu.assertTrue(a:fd() > 2)
        local c <close> = assert(bide.udp.connect("127.0.0.1", 9,
            { local_host = "127.0.0.2" }))
        eq(c:address(), "127.0.0.2")
        a:close()
        eq(a:closed(), true)
        eq(tostring(a), "bide.udp (closed)")
        eq(code_of(a:address()), "ECLOSED")
        eq(code_of(a:fd()), "ECLOSED")
        eq(code_of(a:get("ttl")), "ECLOSED")
        eq(code_of(a:set { ttl = 3 }), "ECLOSED")
    end)
end

function test_udp_recv_gives_one_datagram()
    with_pair(function(a, b)
        b:send("one")
        b:send("")
        b:send(3)
        eq(a:recv(), "one")
        eq(a:recv(), "")
        local data, from = a:recv_from()
        eq(data, "3")
        eq(tostring(from), "127.0.0.1:" .. b:port())
        eq(from, bide.address("127.0.0.1", b:port()))
        eq(from == bide.address("127.0.0.1", 1), false)
        eq(from:host(), "127.0.0.1")
        eq(tostring(bide.address("::1", 5)), "[::1]:5")
    end)
end

function test_udp_large_datagrams_arrive_whole()
    with_pair(function(a, b)
        local big = ("0123456789abcdef"):rep(4094)
        b:send(big)
        b:send(big .. "end")
        lu.assertTrue(a:recv() == big)
        lu.assertTrue(a:recv() == big .. "end")
        eq(code_of(b:send(("x"):rep(65508))), "EMSGSIZE")
        eq(code_of(a:send("to whom")), "EDESTADDRREQ")
    end)
end

function test_udp_longer_than_asked_for_is_an_error()
    with_pair(function(a, b)
        b:send("long")
        eq(code_of(a:recv(3)), "EMSGSIZE")
        eq(code_of(a:recv_from(3)), "EMSGSIZE")
        eq(code_of(a:try_recv(3)), "EMSGSIZE")
        eq(a:recv(4), "long")
        for _, f in ipairs { a.recv, a.recv_from, a.try_recv, a.recv_many } do
            raises("at least 1", f, a, 0)
        end
    end)
end

function test_udp_many_go_in_order()
    with_pair(function(a, b)
        local to, list = bide.address("127.0.0.1", a:port()), {}
        for i = 1, 150 do
            list[i] = i % 2 == 0 and tostring(i) or { i, to }
        end
        list[149] = { "149", "127.0.0.1", a:port() }
        eq(b:send_many(list), b)
        local n = 0
        while n < 150 do
            local some = a:recv_many(40)
            lu.assertTrue(#some >= 1 and #some <= 40)
            for _, pair in ipairs(some) do
                n = n + 1
                eq(pair[1], tostring(n))
                eq(pair[2]:port(), b:port())
            end
        end
        eq(b:send_many({}), b)
        local ok, _, code, sent = b:send_many { "x", ("x"):rep(70000), "y" }
        eq({ ok, code, sent }, { nil, "EMSGSIZE", 1 })
        raises("message 2 must be", b.send_many, b, { "x", true })
        raises("address is needed", b.send_many, b, { { "x", 5 } })
        raises("table expected", b.send_many, b, "x")
    end)
end

function test_udp_receivers_are_served_in_order()
    with_pair(function(a, b)
        local first, second = bide.spawn(a.recv, a), bide.spawn(a.recv, a)
        settle()
        for i = 1, 3 do
            b:try_send(i)
        end
        eq(first:await(), "1")
        eq(second:await(), "2")
        eq(a:recv(), "3")
    end)
end

function test_udp_try_recv_does_not_wait()
    with_pair(function(a, b)
        eq(code_of(a:try_recv()), "EWOULDBLOCK")
        eq(code_of(a:try_recv_from()), "EWOULDBLOCK")
        eq(b:try_send("1"), b)
        eq(b:try_send_to("2", "127.0.0.1", a:port()), b)
        eq(a:try_recv(), "1")
        local data, from = a:try_recv_from()
        eq({ data, from:port() }, { "2", b:port() })
        eq(code_of(a:try_send("to whom")), "EDESTADDRREQ")
    end)
end

function test_udp_bad_arguments_are_told()
    with_pair(function(a)
        raises("must be numeric", a.send_to, a, "x", "localhost", 1)
        raises("1 to 65535", a.send_to, a, "x", "127.0.0.1", 0)
        raises("address is needed", a.send_to, a, "x")
        raises("string expected", a.send, a, {})
        raises("port is needed", bide.udp.bind, "127.0.0.1")
        raises("0 (a free one)", bide.udp.bind, "127.0.0.1", 70000)
        raises("1 to 65535", bide.udp.connect, "127.0.0.1", 0)
        raises("host name or address", bide.udp.connect, "", 1)
        raises("unknown option 'tll'", bide.udp.bind, "", 0, { tll = 1 })
        raises("'ttl' must be 1 to 255", bide.udp.bind, "", 0, { ttl = 0 })
        raises("'local_host'", bide.udp.connect, "127.0.0.1", 1,
            { local_host = "name" })
        raises("'local_port'", bide.udp.connect, "127.0.0.1", 1,
            { local_port = -1 })
    end)
end

function test_udp_refused_is_told_on_a_connected_socket()
    with_pair(function(a, b)
        a:close()
        b:send("anybody?")
        eq(code_of(b:recv()), "ECONNREFUSED")
        b:send("anybody?")
        eq(code_of(b:send("hello?")), "ECONNREFUSED")
    end)
end

function test_udp_close_wakes_the_waits()
    with_pair(function(a)
        local first = bide.spawn(a.recv, a)
        local second = bide.spawn(a.recv_many, a)
        settle()
        a:close()
        a:close()
        eq(code_of(first:await()), "ECLOSED")
        eq(code_of(second:await()), "ECLOSED")
        for _, f in ipairs { a.recv, a.recv_from, a.recv_many, a.try_recv } do
            eq(code_of(f(a)), "ECLOSED")
        end
        eq(code_of(a:send("x")), "ECLOSED")
        eq(code_of(a:send_many {}), "ECLOSED")
        for _ in a:datagrams() do
            error("a closed socket gives nothing")
        end
    end)
end

function test_udp_port_in_use_is_an_error()
    with_pair(function(a)
        eq(code_of(bide.udp.bind("127.0.0.1", a:port())), "EADDRINUSE")
        local c <close> = assert(bide.udp.bind("127.0.0.1", 0,
            { reuse_port = true }))
        local d <close> = assert(bide.udp.bind("127.0.0.1", c:port(),
            { reuse_port = true }))
    end)
end

function test_udp_options_can_be_set()
    with_pair(function(a)
        eq(a:set { ttl = 7, broadcast = true, multicast_loop = false }, a)
        eq(a:get("ttl"), 7)
        eq(a:get("broadcast"), 1)
        eq(a:get("multicast_loop"), 0)
        a:set { recv_buffer = 20000 }
        lu.assertTrue(a:get("recv_buffer") >= 20000)
        raises("'ttl' must be 1 to 255", a.set, a, { ttl = 256 })
        raises("'broadcast' must be a boolean", a.set, a, { broadcast = 2 })
        raises("unknown option", a.set, a, { hops = 1 })
        raises("no such option", a.get, a, "hops")
        raises("multicast address", a.join, a, "127.0.0.1")
        eq(code_of(a:join("239.255.7.7", "nosuch0")), "ENODEV")
        eq(code_of(bide.udp.bind("127.0.0.1", 0,
            { multicast_interface = "nosuch0" })), "ENODEV")
        local c <close> = assert(bide.udp.bind("127.0.0.1", 0, { ttl = 9 }))
        eq(c:get("ttl"), 9)
    end)
end

function test_udp_multicast_reaches_the_group()
    with_pair(function(a)
        local c <close> = assert(bide.udp.bind("0.0.0.0", 0))
        eq(c:join("239.255.7.7", "127.0.0.1"), c)
        a:set { multicast_interface = "127.0.0.1" }
        a:send_to("all", "239.255.7.7", c:port())
        eq(c:recv(), "all")
        eq(c:leave("239.255.7.7", "127.0.0.1"), c)
        eq(code_of(c:leave("239.255.7.7", "127.0.0.1")), "EADDRNOTAVAIL")
    end)
end

function test_udp_broadcast_needs_its_option()
    with_pair(function(a)
        local c <close> = assert(bide.udp.bind("0.0.0.0", 0))
        local all = bide.address("127.255.255.255", c:port())
        eq(code_of(a:send_to("all", all)), "EACCES")
        a:set { broadcast = true }
        eq(a:send_to("all", all), a)
        eq(c:recv(), "all")
    end)
end

function test_udp_dual_stack_serves_both_families()
    bide.run(function()
        local a <close> = assert(bide.udp.bind("", 0))
        local hosts = { "127.0.0.1" }
        if a:address() == "::" then
            hosts[2] = "::1"
        end
        for _, host in ipairs(hosts) do
            local b <close> = assert(bide.udp.connect(host, a:port()))
            b:send("you?")
            local data, from = a:recv_from()
            eq({ data, from:host() }, { "you?", host })
            a:send_to("me!", from)
            eq(b:recv(), "me!")
            a:send_to("still me", from:host(), from:port())
            eq(b:recv(), "still me")
        end
    end)
end

function test_udp_cancelled_recv_loses_nothing()
    with_pair(function(a, b)
        for _, f in ipairs { a.recv, a.recv_from, a.recv_many } do
            local waiting = bide.spawn(f, a)
            settle()
            waiting:cancel()
            eq(waiting:join(), false)
        end
        b:try_send("here")
        eq(a:recv(), "here")
    end)
end

function test_udp_cancel_at_every_park()
    support.cancel_at_every_park(function()
        local a = assert(bide.udp.bind("127.0.0.1", 0))
        local b = assert(bide.udp.connect("127.0.0.1", a:port()))
        local got = {}
        local function take()
            while #got < 30 do
                local many = a:recv_many(3)
                if not many then
                    return
                end
                for _, pair in ipairs(many) do
                    got[#got + 1] = tonumber(pair[1])
                end
            end
            a:close()
        end
        return {
            tasks = {
                function()
                    for i = 1, 30 do
                        b:send(i)
                        bide.yield_now()
                    end
                end,
                take,
            },
            victim = take,
            check = function()
                table.sort(got)
                eq(#got, 30)
                eq({ got[1], got[30] }, { 1, 30 })
                b:close()
            end,
        }
    end)
end

support.finish()
