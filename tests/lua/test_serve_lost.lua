-- What serve tells of handlers whose connection the peer ended.
package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, contains = lu.assertEquals, lu.assertStrContains

local function read_lines(c)
    for _ in c:lines() do end
end

local function read_all(c)
    assert(c:read("a"))
end

local function write_all(c)
    while true do
        assert(c:write(("x"):rep(100000)))
    end
end

local function blunder(c)
    c:read("a")
    error("a blunder")
end

local function write_after_its_end(c)
    c:shutdown()
    assert(c:write("more"))
end

-- What is told of a handler while its client does `part`, to the stream under it
-- if it is one of TLS.
local function reports(handler, part, listen, connect)
    local told = {}
    local before = bide.on_unhandled(function(message)
        told[#told + 1] = message
    end)
    bide.run(function()
        local srv <close> = listen()
        local server = bide.spawn(srv.serve, srv, function(c)
            eq(c:read(5), "hello")
            c:write("go")
            handler(c)
        end)
        local c <close>, plain = connect(srv:port())
        c:write("hello")
        eq(c:read(2), "go")
        part(plain or c)
        srv:close()
        assert(bide.timeout(60, server.await, server))
    end)
    bide.on_unhandled(before)
    return told
end

local function reset(c) c:abort() end

local function stop(c) c:shutdown() end

local function over_tcp(handler, part)
    return reports(handler, part, support.listen, function(port)
        return assert(bide.tcp.connect("127.0.0.1", port))
    end)
end

function test_tcp_serve_is_quiet_about_a_lost_connection()
    for _, handler in ipairs { read_lines, read_all, write_all } do
        eq(over_tcp(handler, reset), {})
    end
end

local function one(told, what)
    eq(#told, 1)
    contains(told[1], what)
end

function test_serve_reports_what_else_fails_with_a_connection()
    one(over_tcp(blunder, reset), "a blunder")
    one(over_tcp(write_after_its_end, stop), "broken pipe")
    one(over_tcp(function() error("connection reset by peer") end, stop),
        "connection reset by peer") -- another's
end

if not support.has_tls() then
    support.finish()
end

local dir = os.tmpname()
os.remove(dir)
assert(os.execute(arg[0]:match("^(.-)[^/]*$") .. "../certs.sh " .. dir))

local function listen_tls()
    return assert(bide.tls.listen("127.0.0.1", 0, assert(bide.tls.context {
        server = true, cert_file = dir .. "/server.pem",
        key_file = dir .. "/server.key",
    })))
end

-- TLS through a pair of streams, and the connection itself.
local function connect_tls(port)
    local plain = assert(bide.tcp.connect("127.0.0.1", port))
    local ours, theirs = bide.socketpair()
    local function forward(from, to)
        for data in function() return from:readsome() end do
            to:write(data)
        end
    end
    bide.spawn({ background = true }, forward, theirs, plain)
    bide.spawn({ background = true }, forward, plain, theirs)
    local context = assert(bide.tls.context { ca_file = dir .. "/ca.pem" })
    return assert(ours:start_tls(context, { host = "localhost" })), plain
end

function test_tls_serve_is_quiet_about_a_lost_connection()
    for _, handler in ipairs { read_lines, read_all, write_all } do
        eq(reports(handler, reset, listen_tls, connect_tls), {})
    end
    for _, handler in ipairs { read_lines, read_all } do
        eq(reports(handler, stop, listen_tls, connect_tls), {})
    end
end

support.finish()
