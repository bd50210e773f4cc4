-- TCP: what goes wrong, and how it is told.
package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, contains = lu.assertEquals, lu.assertStrContains
local settle = support.settle
local listen, with_pair = support.listen, support.with_pair

function test_tcp_host_with_a_zero_is_an_error()
    bide.run(function()
        lu.assertErrorMsgContains("must not contain zeros", bide.tcp.connect,
            "127.0.0.1\0.example", 1)
        lu.assertErrorMsgContains("must not contain zeros", bide.tcp.listen,
            "127.0.0.1\0.example", 0)
    end)
end

function test_tcp_read_until_over_its_limit_is_an_error()
    with_pair(function(a, b)
        a:write("no separator in sight")
        local line, _, code = b:readuntil(";", 8)
        eq({ line, code }, { nil, "ETOOLONG" })
        line, _, code = b:read("l", 8)
        eq({ line, code }, { nil, "ETOOLONG" })
        eq(b:read(21), "no separator in sight")
    end)
end

function test_tcp_end_inside_read_exact_is_an_error()
    with_pair(function(a, b)
        a:write("short")
        a:close()
        local got, _, code = b:read(10)
        eq({ got, code }, { nil, "EEOF" })
        got, _, code = b:readuntil(";")
        eq({ got, code }, { nil, "EEOF" })
        eq(b:read("a"), "short")
    end)
end

function test_tcp_reset_by_the_peer_is_an_error()
    with_pair(function(a, b)
        b:write("unread")
        a:close() -- with data unread: the system resets
        local got, message, code = b:readsome()
        eq({ got, code }, { nil, "ECONNRESET" })
        contains(message, "reset")
        lu.assertErrorMsgContains("ECONNRESET", function()
            local c <close> = assert(b)
            for _ in c:lines() do
            end
        end)
    end)
end

function test_tcp_second_reader_is_an_error()
    with_pair(function(a, b)
        local first = bide.spawn(b.read, b, "l")
        settle()
        lu.assertErrorMsgContains("already reading", b.readsome, b)
        a:write("for the first\n")
        eq(first:await(), "for the first")
    end)
end

function test_tcp_refused_connection_is_an_error()
    bide.run(function()
        local srv = listen()
        local port = srv:port()
        srv:close()
        local c, message, code = bide.tcp.connect("127.0.0.1", port)
        eq({ c, code }, { nil, "ECONNREFUSED" })
        contains(message, "connect to 127.0.0.1 port " .. port)
        contains(message, "refused")
    end)
end

function test_tcp_unknown_name_is_an_error()
    bide.run(function()
        local c, message, code = bide.tcp.connect("no-such-host.invalid", 80)
        eq({ c, code }, { nil, "ENAME" })
        contains(message, "no-such-host.invalid")
    end)
end

function test_tcp_port_in_use_is_an_error()
    bide.run(function()
        local srv <close> = listen()
        local again, message, code = bide.tcp.listen("127.0.0.1", srv:port())
        eq({ again, code }, { nil, "EADDRINUSE" })
        contains(message, "listen on 127.0.0.1 port " .. srv:port())
    end)
end

-- -- Lua's own -------------------------------------------------------------

function test_tcp_lines_raise_errors()
    with_pair(function(a, b)
        a:write(("x"):rep(100))
        lu.assertErrorMsgContains("ETOOLONG", function()
            for _ in b:lines("l", 10) do
            end
        end)
    end)
end

function test_tcp_read_checks_its_format()
    with_pair(function(a)
        lu.assertErrorMsgContains("'l', 'L', 'a' or a number", a.read, a, "x")
        lu.assertErrorMsgContains("n must be at least 0, not -1", a.read, a, -1)
        lu.assertErrorMsgContains("1 to 64 bytes", a.readuntil, a, "")
        lu.assertErrorMsgContains("string expected", a.write, a, {})
        lu.assertErrorMsgContains("string expected", a.write, a, "x", nil)
    end)
end

function test_tcp_checks_its_arguments()
    bide.run(function()
        lu.assertErrorMsgContains("a port is needed", bide.tcp.connect,
            "localhost:80")
        lu.assertErrorMsgContains("1 to 65535", bide.tcp.connect, "h", 0)
        lu.assertErrorMsgContains("0 (a free one) to 65535", bide.tcp.listen,
            "h", 65536)
        lu.assertErrorMsgContains("unknown option 'backlok'",
            bide.tcp.listen, "127.0.0.1", 0, { backlok = 1 })
        lu.assertErrorMsgContains("'backlog' must be a whole number",
            bide.tcp.listen, "127.0.0.1", 0, { backlog = "many" })
        local srv <close> = listen()
        lu.assertErrorMsgContains("a handler is needed", srv.serve, srv)
    end)
    lu.assertErrorMsgContains("bide.run", bide.tcp.connect, "h", 1)
end

function test_tcp_connect_tells_each_address_that_failed()
    bide.run(function()
        local srv <close> = support.listen()
        local port = srv:port()
        local c <close> = assert(bide.tcp.connect("127.0.0.1", port,
            { local_host = "127.0.0.2", stagger = 0.1 }))
        lu.assertEquals(c:address(), "127.0.0.2")
        lu.assertErrorMsgContains("'local_host'", bide.tcp.connect, "127.0.0.1",
            port, { local_host = "name" })
        srv:close()
        local none, message, code = bide.tcp.connect("localhost", port)
        lu.assertEquals({ none, code }, { nil, "ECONNREFUSED" })
        local found = bide.resolve("localhost")
        for _, address in ipairs(#found > 1 and found or {}) do
            lu.assertStrContains(message, address.host .. " port " .. port)
        end
    end)
end

function test_tcp_reset_behind_data_is_no_end()
    with_pair(function(a, b)
        a:write("half")
        a:abort()
        eq(b:readsome(), "half")
        eq(select(3, b:readsome()), "ECONNRESET")
    end)
end

function test_tcp_abort_resets_the_connection()
    support.with_pair(function(a, b)
        a:abort()
        a:abort()
        lu.assertEquals(a:closed(), true)
        lu.assertEquals(select(3, b:readsome()), "ECONNRESET")
    end)
end

function test_tcp_keepalive_has_its_probes()
    support.with_pair(function(a, _, srv)
        lu.assertEquals(a:keepalive(30, 7, 3), a)
        lu.assertErrorMsgContains("interval must be", a.keepalive, a, 30, -1)
        lu.assertErrorMsgContains("count must be", a.keepalive, a, 30, 1, 128)
        local c <close> = assert(bide.tcp.connect("127.0.0.1", srv:port(),
            { keepalive = 10, keepalive_interval = 2, keepalive_count = 3 }))
    end)
end

support.finish()
