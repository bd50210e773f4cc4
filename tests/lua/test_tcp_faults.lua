-- TCP: peers that reset in every phase, shortages, addresses that cannot be
-- reached, handles used after their close; and that none of it leaves anything
-- behind.
package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq = lu.assertEquals
local settle, listen, with_pair = support.settle, support.listen, support.with_pair

local BIG = ("x"):rep(1 << 24)

-- The code of an answer nil, message, code.
local function code_of(result, _, code)
    eq(result, nil)
    return code
end

local function is_reset(code)
    lu.assertTrue(code == "ECONNRESET" or code == "EPIPE", code)
end

local function dial(srv)
    return assert(bide.tcp.connect("127.0.0.1", srv:port()))
end

-- -- resets ----------------------------------------------------------------

function test_tcp_reset_in_every_phase_is_told()
    with_pair(function(a, b)
        local reading = bide.spawn(b.readsome, b)
        local writing = bide.spawn(b.write, b, BIG)
        local ending = bide.spawn(b.shutdown, b)
        settle()
        a:abort()
        eq(code_of(reading:await()), "ECONNRESET")
        is_reset(code_of(writing:await()))
        is_reset(code_of(ending:await()))
    end)
    bide.run(function()
        local srv <close> = listen()
        dial(srv):abort() -- before it was accepted
        local b <close> = assert(srv:accept())
        eq(code_of(b:readsome()), "ECONNRESET")
        local next_one <close> = dial(srv)
        assert(srv:accept()):close()

        local connecting = bide.spawn(function()
            local c, _, code = bide.tcp.connect("127.0.0.1", srv:port())
            return c and code_of(c:readsome()) or code
        end)
        bide.yield_now()
        assert(srv:accept()):abort()
        eq(connecting:await(), "ECONNRESET")
    end)
end

function test_tcp_reset_told_to_a_write_is_no_end_to_reads()
    with_pair(function(a, b)
        a:abort()
        eq(code_of(b:write("x")), "ECONNRESET")
        eq(code_of(b:readsome()), "ECONNRESET")
    end)
end

function test_tcp_write_after_a_reset_is_a_broken_pipe()
    with_pair(function(a, b)
        a:abort()
        eq(code_of(b:readsome()), "ECONNRESET")
        eq(code_of(b:write("x")), "EPIPE")
        eq(code_of(b:write("x")), "EPIPE")
    end)
end

-- -- nowhere, and closed ---------------------------------------------------

function test_tcp_unreachable_address_is_an_error()
    bide.run(function()
        local code = code_of(bide.tcp.connect("255.255.255.255", 9))
        lu.assertTableContains({ "ENETUNREACH", "EHOSTUNREACH", "EACCES",
            "EADDRNOTAVAIL" }, code)
    end)
end

function test_tcp_closed_handles_used_again_are_errors()
    with_pair(function(a, _, srv)
        a:close()
        a:close()
        for name, arguments in pairs {
            readsome = {}, read = { 1 }, readuntil = { "\n" }, write = { "x" },
            shutdown = {}, drain = {}, try_read = {}, try_write = { "x" },
            write_nowait = { "x" }, address = {}, peer = {}, fd = {},
            nodelay = { true }, keepalive = { 1 },
        } do
            eq(code_of(a[name](a, table.unpack(arguments))), "ECLOSED", name)
        end
        srv:close()
        srv:close()
        eq(code_of(srv:accept()), "ECLOSED")
        eq(code_of(srv:address()), "ECLOSED")
        for _ in srv:clients() do
            lu.fail("a client")
        end
        eq(srv:serve(print), true)
    end)
end

-- -- listeners -------------------------------------------------------------

-- With few descriptors: a script of its own, under a limit.
local shortage = [[
    local bide = require "bide"
    local told, served, held = {}, 0, {}
    bide.on_unhandled(function(message) told[#told + 1] = message end)

    local function echo(c)
        served = served + 1
        local _ <close> = c
        local chunk = c:readsome()
        while chunk do
            c:write(chunk)
            chunk = c:readsome()
        end
    end

    local ways = {
        serve = function(srv) srv:serve(echo) end,
        clients = function(srv)
            for c in srv:clients() do
                bide.spawn(echo, c)
            end
        end,
    }

    bide.run(function()
        local srv <close> = assert(bide.tcp.listen("127.0.0.1", 0))
        -- What the first stream of a loop opens is open now.
        assert(bide.tcp.connect("127.0.0.1", srv:port())):close()
        assert(srv:accept()):close()
        local server = bide.spawn(ways[WAY], srv)
        local file
        repeat
            file = io.open("/dev/null")
            held[#held + 1] = file
        until not file
        assert(#held < 60, "there is a limit")
        table.remove(held):close() -- one, for the client
        local c <close> = assert(bide.tcp.connect("127.0.0.1", srv:port()))
        while #told == 0 do
            bide.sleep(0.001)
        end
        bide.sleep(0.05) -- more attempts, not told
        assert(served == 0)
        for _, f in ipairs(held) do
            f:close()
        end
        for _, text in ipairs { "x", "y" } do
            c:write(text)
            assert(c:read(1) == text)
        end
        local again <close> = assert(bide.tcp.connect("127.0.0.1", srv:port()))
        again:write("z")
        assert(again:read(1) == "z")
        again:close()
        c:close()
        srv:close()
        server:join()
    end)
    assert(#told == 1, #told .. " reports")
    assert(told[1]:find("EMFILE"), told[1])
    print("served", served)
]]

function test_tcp_serving_outlasts_a_shortage_of_descriptors()
    for _, way in ipairs { "serve", "clients" } do
        local name = os.tmpname()
        local file = assert(io.open(name, "w"))
        file:write((shortage:gsub("WAY", ("%q"):format(way))))
        file:close()
        local text, status = support.shell(("ulimit -n 64; '%s' '%s'"):format(
            arg[-1] or "lua", name))
        os.remove(name)
        eq({ text, status }, { "served\t2\n", 0 }, way)
    end
end

-- The timer of keepalive of the accepted end, as /proc/net/tcp shows it: for
-- how long, in 1/100 s; nil: none.
local function keepalive_left(port, peer)
    for line in io.lines("/proc/net/tcp") do
        local here, there, timer, left = line:match(
            "^%s*%d+: %x+:(%x+) %x+:(%x+) 01 %x+:%x+ (%x+):(%x+)")
        if here and tonumber(here, 16) == port and
            tonumber(there, 16) == peer then
            return timer == "02" and tonumber(left, 16) or nil
        end
    end
end

function test_tcp_listen_options_reach_the_connections()
    local known = io.open("/proc/net/tcp")
    bide.run(function()
        for _, keepalive in ipairs { 0, 30 } do
            local srv <close> = assert(bide.tcp.listen("127.0.0.1", 0, {
                nodelay = false, keepalive = keepalive,
                keepalive_interval = 7, keepalive_count = 3 }))
            local c <close> = dial(srv)
            local b <close> = assert(srv:accept())
            local _, peer = c:address()
            local left = known and keepalive_left(srv:port(), peer)
            if keepalive == 0 then
                eq(left, nil)
            elseif known then
                lu.assertTrue(left > 2000 and left <= 3000, left)
            end
        end
        lu.assertErrorMsgContains("'keepalive_count' must be",
            bide.tcp.listen, "127.0.0.1", 0, { keepalive_count = 1000 })
    end)
    if known then
        known:close()
    end
end

function test_tcp_dual_stack_listener_serves_both_families()
    bide.run(function()
        local srv <close> = assert(bide.tcp.listen(nil, 0))
        local both = srv:address():find(":", 1, true)
        for _, host in ipairs { "127.0.0.1", both and "::1" } do
            local c <close> = assert(bide.tcp.connect(host, srv:port()))
            assert(srv:accept()):close()
        end
        if both then
            local alone <close> = assert(bide.tcp.listen("::", 0,
                { v6_only = true }))
            eq(code_of(bide.tcp.connect("127.0.0.1", alone:port())),
                "ECONNREFUSED")
        end
    end)
end

-- -- a hundred of each -----------------------------------------------------

local faults = {
    refused = function()
        eq(code_of(bide.tcp.connect("127.0.0.1", 1)), "ECONNREFUSED")
    end,
    unreachable = function()
        lu.assertNotNil(code_of(bide.tcp.connect("255.255.255.255", 9)))
    end,
    unknown = function() -- too long to be asked for
        eq(code_of(bide.tcp.connect(("x"):rep(70) .. ".invalid", 9)), "ENAME")
    end,
    reset_at_once = function(srv)
        dial(srv):abort()
    end,
    reset_unread = function(srv)
        local c <close> = dial(srv)
        c:write(("x"):rep(200000))
        c:readsome(1)
        c:abort()
    end,
    cancelled_connect = function(srv)
        local connecting = bide.spawn(dial, srv)
        bide.yield_now()
        connecting:cancel()
        local ok, c = connecting:join()
        if ok then
            c:close()
        end
    end,
    cancelled_read = function(srv)
        local c <close> = dial(srv)
        local reading = bide.spawn(c.readsome, c)
        bide.yield_now()
        reading:cancel()
        reading:join()
    end,
    long_line = function(srv)
        local c <close> = dial(srv)
        c:write(("x"):rep(100))
        eq(code_of(c:readuntil("\n", 10)), "ETOOLONG")
    end,
    closed = function(srv)
        local c = dial(srv)
        c:close()
        eq(code_of(c:readsome()), "ECLOSED")
    end,
    ended = function(srv)
        local c <close> = dial(srv)
        c:write("short")
        c:shutdown()
        eq(code_of(c:read(10)), "EEOF")
    end,
}

local function echo(c)
    local chunk = c:readsome()
    while chunk do
        c:write(chunk)
        chunk = c:readsome()
    end
end

function test_tcp_faults_leave_nothing_open()
    bide.run(function()
        local srv <close> = listen()
        local server = bide.spawn(srv.serve, srv, echo)
        faults.unknown() -- starts the threads
        faults.ended(srv) -- opens what the first stream does
        local before = support.descriptors()
        for name, fault in pairs(faults) do
            for _ = 1, 100 do
                fault(srv)
            end
            local tries = 0
            while support.descriptors() ~= before do
                bide.sleep(0.001)
                tries = tries + 1
                lu.assertTrue(tries < 1000, name)
            end
            local c <close> = dial(srv)
            c:write("still there")
            eq(c:read(11), "still there", name)
        end
        server:cancel()
        server:join()
    end)
end

support.finish()
