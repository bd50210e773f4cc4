-- test_tls.lua - TLS: handshakes, what flows, and how it ends.
package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"
if not support.has_tls() then
  support.finish() -- test_tls_absent.lua has what remains
end

TestTls = {}

local dir = os.tmpname()
os.remove(dir)
assert(os.execute(arg[0]:match("^(.-)[^/]*$") .. "../certs.sh " .. dir))
local function file(name) return dir .. "/" .. name end

local function server(name, more)
  local o = {server = true, cert_file = file(name .. ".pem"), key_file = file(name .. ".key")}
  for k, v in pairs(more or {}) do o[k] = v end
  return assert(bide.tls.context(o))
end

local function client(more)
  local o = {ca_file = file "ca.pem"}
  for k, v in pairs(more or {}) do o[k] = v end
  return assert(bide.tls.context(o))
end

-- Both ends of a handshake over two connected streams; an end that failed is
-- nil, message, code in a table.
local function shake(a, b, o)
  o = o or {}
  local task = bide.spawn(function()
    return table.pack(b:start_tls(o.server or server "server"))
  end)
  local ours = table.pack(a:start_tls(o.client or client(), {host = o.host or "localhost", session = o.session}))
  return ours, task:await()
end

local function pair(o)
  local a, b = bide.socketpair()
  local ours, theirs = shake(a, b, o)
  return assert(table.unpack(ours, 1, ours.n)), assert(table.unpack(theirs, 1, theirs.n))
end

local function play(f)
  bide.run(function()
    local ok, why = bide.timeout(60, function() f() return true end)
    assert(ok, why)
  end)
end

local function with_pair(f, o)
  return function()
    play(function()
      local c, s = pair(o)
      local close_c <close> = c
      local close_s <close> = s
      f(c, s)
    end)
  end
end

local function echo(c)
  for data in function() return c:readsome() end do c:write(data) end
  c:shutdown()
end

-- -- the handshake ------------------------------------------------------------

function TestTls.test_tls_echo()
  play(function()
    local srv <close> = assert(bide.tls.listen("127.0.0.1", 0, server "server"))
    local g <close> = bide.scope()
    g:spawn(function() srv:serve(echo) end)
    local c <close> = assert(bide.tls.connect("127.0.0.1", srv:port(), {context = client()}))
    c:write("hello")
    lu.assertEquals(c:read(5), "hello")
    c:shutdown()
    lu.assertEquals({c:readsome()}, {nil, "eof"})
    srv:close()
  end)
end

TestTls.test_tls_info_is_told = with_pair(function(c, s)
  local info = c:tls()
  lu.assertEquals(info.version, "TLSv1.3")
  lu.assertStrContains(info.cipher, "TLS_")
  lu.assertNil(info.alpn)
  lu.assertStrContains(info.peer.names, "DNS:localhost")
  lu.assertStrContains(info.peer.subject, "CN=server")
  lu.assertEquals(#info.peer.fingerprint, 64)
  lu.assertStrContains(info.peer.pem, "BEGIN CERTIFICATE")
  lu.assertNil(s:tls().peer)
  lu.assertEquals(s:tls().host, "localhost")
end)

function TestTls.test_tls_of_a_plain_stream_is_none()
  play(function()
    local a, b = bide.socketpair()
    local close_a <close> = a
    local close_b <close> = b
    lu.assertNil(a:tls())
  end)
end

-- What a handshake that must fail says at either end; the client reads once,
-- because with TLS 1.3 it may be through before.
local function refused(o, ours_wanted, theirs_wanted)
  return function()
    play(function()
      local a, b = bide.socketpair()
      local ours, theirs = shake(a, b, o)
      if ours[1] then
        local s = ours[1]
        ours = table.pack(s:readsome())
        s:close()
      end
      if theirs[1] then
        local s = theirs[1]
        theirs = table.pack(s:readsome())
        s:close()
      end
      lu.assertNil(ours[1])
      lu.assertNil(theirs[1])
      lu.assertStrContains(ours[2], ours_wanted)
      lu.assertStrContains(theirs[2], theirs_wanted or "")
      lu.assertNotNil(ours[3])
    end)
  end
end

function TestTls.test_tls_expired_certificate_is_an_error()
  refused({server = server "expired"}, "certificate has expired", "expired")()
end

function TestTls.test_tls_self_signed_certificate_is_an_error()
  refused({server = server "self"}, "self-signed certificate")()
end

function TestTls.test_tls_unknown_authority_is_an_error()
  refused({client = client {ca_file = file "other-ca.pem"}}, "unable to get local issuer certificate", "unknown ca")()
end

function TestTls.test_tls_wrong_host_is_an_error()
  refused({host = "other.test"}, "not for other.test")()
end

function TestTls.test_tls_client_without_its_certificate_is_refused()
  refused({server = server("server", {verify = "required", ca_file = file "ca.pem"})},
    "certificate required", "peer did not return a certificate")()
end

function TestTls.test_tls_client_certificate_of_a_stranger_is_refused()
  refused({server = server("server", {verify = "required", ca_file = file "ca.pem"}),
    client = client {cert_file = file "stranger.pem", key_file = file "stranger.key"}},
    "unknown ca", "unable to get local issuer certificate")()
end


TestTls.test_tls_alpn_is_agreed_on = with_pair(function(c, s)
  lu.assertEquals(c:tls().alpn, "http/1.1")
  lu.assertEquals(s:tls().alpn, "http/1.1")
end, {server = server("server", {alpn = {"h2", "http/1.1"}}), client = client {alpn = {"http/1.1"}}})

TestTls.test_tls_client_certificate = with_pair(function(_, s)
  lu.assertStrContains(s:tls().peer.subject, "CN=client")
end, {server = server("server", {verify = "required", ca_file = file "ca.pem"}),
  client = client {cert_file = file "client.pem", key_file = file "client.key"}})

function TestTls.test_tls_server_name_picks_the_certificate()
  play(function()
    local ctx = server("server", {names = {["*.wild.test"] = server "example"}})
    for _, name in ipairs {"a.wild.test", "localhost"} do
      local c, s = pair {server = ctx, host = name}
      local close_c <close> = c
      local close_s <close> = s
      lu.assertEquals(s:tls().host, name)
    end
  end)
end

function TestTls.test_tls_session_is_resumed()
  play(function()
    local sctx, cctx, session = server "server", client(), nil
    for _, reused in ipairs {false, true} do
      local c, s = pair {server = sctx, client = cctx, session = session}
      local close_c <close> = c
      local close_s <close> = s
      lu.assertEquals(c:tls().session_reused, reused)
      s:write("x")
      c:readsome() -- the ticket comes with it
      session = c:session()
      lu.assertIsString(session)
    end
  end)
end

function TestTls.test_tls_handshake_with_garbage_is_an_error()
  play(function()
    local a <close>, b = bide.socketpair()
    a:write("GET / HTTP/1.0\r\n\r\n")
    local s, why, code = b:start_tls(server "server")
    lu.assertNil(s)
    lu.assertStrContains(why, "http request")
    lu.assertEquals(code, "ETLS")
    lu.assertTrue(b:closed())
  end)
end

function TestTls.test_tls_end_within_the_handshake_is_an_error()
  play(function()
    local a <close>, b = bide.socketpair()
    a:write("\22\3\1")
    a:shutdown()
    local s, _, code = b:start_tls(server "server")
    lu.assertNil(s)
    lu.assertEquals(code, "ETRUNCATED")
  end)
end

function TestTls.test_tls_stuck_handshake_delays_nobody()
  play(function()
    local srv <close> = assert(bide.tls.listen("127.0.0.1", 0, server "server"))
    local g <close> = bide.scope()
    g:spawn(function() srv:serve(echo) end)
    local stuck = assert(bide.tcp.connect("127.0.0.1", srv:port()))
    stuck:write("\22\3")
    local c <close> = assert(bide.tls.connect("127.0.0.1", srv:port(), {context = client()}))
    c:write("hello")
    lu.assertEquals(c:read(5), "hello")
    stuck:close()
    c:close()
    srv:close()
  end)
end

function TestTls.test_tls_handshake_has_a_deadline()
  bide.run(function()
    local a <close>, b = bide.socketpair()
    local before = bide.now()
    local s, _, code = b:start_tls(client {handshake_timeout = 30}, {host = "localhost"})
    lu.assertNil(s)
    lu.assertEquals(code, "ETIMEDOUT")
    lu.assertTrue(bide.now() - before >= 30)
  end, {virtual_clock = true})
end

function TestTls.test_tls_accept_makes_the_handshake_when_used()
  play(function()
    local srv <close> = assert(bide.tls.listen("127.0.0.1", 0, server "server"))
    local task = bide.spawn(function()
      return assert(bide.tls.connect("127.0.0.1", srv:port(), {context = client()}))
    end)
    local s <close> = srv:accept()
    s:write("hello")
    local c <close> = task:await()
    lu.assertEquals(c:readsome(), "hello")
    lu.assertTrue(s:handshake())
  end)
end

-- -- what flows ---------------------------------------------------------------

TestTls.test_tls_reads_as_a_stream_does = with_pair(function(c, s)
  s:write("one\ntwo\nthree|four, and the rest")
  lu.assertEquals(c:read("l"), "one")
  lu.assertEquals(c:read("L"), "two\n")
  lu.assertEquals(c:readuntil("|"), "three|")
  lu.assertEquals(c:read(4), "four")
  lu.assertEquals(c:readsome(2), ", ")
  lu.assertEquals(c:readsome(), "and the rest")
  s:write("left")
  s:shutdown()
  lu.assertEquals(c:read("a"), "left")
end)

TestTls.test_tls_peek_takes_nothing = with_pair(function(c, s)
  s:write("GET / HTTP")
  lu.assertEquals(c:peek(3), "GET")
  lu.assertEquals(c:peek(5), "GET /")
  lu.assertEquals(c:read(3), "GET")
  s:shutdown()
  lu.assertEquals(c:peek(100), " / HTTP")
  lu.assertEquals(c:read("a"), " / HTTP")
  lu.assertEquals({c:peek(1)}, {nil, "eof"})
  lu.assertErrorMsgContains("n must be at least 1, not 0", c.peek, c, 0)
end)

TestTls.test_tls_large_transfers_in_both_directions = with_pair(function(c, s)
  local data = string.rep("0123456789abcdef", 200000)
  local g <close> = bide.scope()
  for _, ends in ipairs {c, s} do
    g:spawn(function()
      ends:write(data)
      ends:shutdown()
    end)
    g:spawn(function() lu.assertTrue(ends:read("a") == data) end)
  end
end)

TestTls.test_tls_second_writer_queues = with_pair(function(c, s)
  local g <close> = bide.scope()
  for _, letter in ipairs {"a", "b", "c"} do
    g:spawn(function() c:write(letter:rep(700000)) end)
  end
  for _, letter in ipairs {"a", "b", "c"} do
    lu.assertTrue(s:read(700000) == letter:rep(700000))
  end
end)

TestTls.test_tls_writes_without_waiting = with_pair(function(c, s)
  c:write_nowait("a")
  c:write_nowait(("b"):rep(20000))
  c:drain()
  lu.assertEquals(s:read(20001), "a" .. ("b"):rep(20000))
end)

TestTls.test_tls_second_reader_is_an_error = with_pair(function(c, s)
  local first = bide.spawn(function() return c:readsome() end)
  bide.yield_now()
  lu.assertErrorMsgContains("already reading", function() c:readsome() end)
  s:write("x")
  lu.assertEquals(first:await(), "x")
end)

function TestTls.test_tls_byte_by_byte()
  play(function()
    local a, a2 = bide.socketpair()
    local b2, b = bide.socketpair()
    local function forward(from, to)
      for data in function() return from:readsome() end do
        for i = 1, #data do
          to:write(data:sub(i, i))
          bide.yield_now()
        end
      end
      to:shutdown()
    end
    local g <close> = bide.scope()
    g:spawn(forward, a2, b2)
    g:spawn(forward, b2, a2)
    local ours, theirs = shake(a, b)
    local c, s = assert(ours[1], ours[2]), assert(theirs[1], theirs[2])
    local close_c <close> = c
    local close_s <close> = s
    c:write("hello")
    lu.assertEquals(s:read(5), "hello")
    s:write("there")
    s:shutdown()
    lu.assertEquals(c:read("a"), "there")
    c:shutdown()
    lu.assertEquals({s:readsome()}, {nil, "eof"})
    c:close()
    s:close()
  end)
end

function TestTls.test_tls_starts_with_what_is_buffered()
  play(function()
    local a, b = bide.socketpair()
    local starting = bide.spawn(function()
      a:write("STARTTLS\n")
      return assert(a:start_tls(client(), {host = "localhost"}))
    end)
    bide.yield_now()
    lu.assertEquals(b:read("l"), "STARTTLS") -- and the hello is behind it
    local s <close> = assert(b:start_tls(server "server"))
    local c <close> = starting:await()
    lu.assertTrue(b:closed())
    lu.assertNil(b:readsome())
    c:write("first")
    lu.assertEquals(s:read(5), "first")
  end)
end

function TestTls.test_tls_over_tls()
  play(function()
    local oc, os_ = pair()
    local ours, theirs = shake(oc, os_)
    local c, s = assert(ours[1], ours[2]), assert(theirs[1], theirs[2])
    local close_c <close> = c
    local close_s <close> = s
    local data = ("xyz"):rep(200000)
    local g <close> = bide.scope()
    g:spawn(function() c:write(data) end)
    lu.assertTrue(s:read(#data) == data)
    s:write("back")
    s:shutdown()
    lu.assertEquals(c:read("a"), "back")
    lu.assertTrue(oc:closed())
  end)
end

-- -- ends ---------------------------------------------------------------------

TestTls.test_tls_shutdown_ends_the_sending_half = with_pair(function(c, s)
  c:write("last")
  c:shutdown()
  c:shutdown()
  local _, _, code = c:write("more")
  lu.assertEquals(code, "EPIPE")
  lu.assertEquals(s:read("a"), "last")
  s:write("still")
  lu.assertEquals(c:readsome(), "still")
end)

TestTls.test_tls_close_tells_the_peer = with_pair(function(c, s)
  c:write("bye")
  c:close()
  lu.assertEquals(s:readsome(), "bye")
  lu.assertEquals({s:readsome()}, {nil, "eof"})
  local _, _, code = c:readsome()
  lu.assertEquals(code, "ECLOSED")
end)

function TestTls.test_tls_truncation_is_an_error()
  play(function()
    local a, a2 = bide.socketpair()
    local b2, b = bide.socketpair()
    local function forward(from, to)
      for data in function() return from:readsome() end do to:write(data) end
    end
    local g <close> = bide.scope()
    g:spawn(forward, a2, b2)
    g:spawn(forward, b2, a2)
    local ours, theirs = shake(a, b)
    local c, s = ours[1], theirs[1]
    local close_c <close> = c
    local close_s <close> = s
    c:write("some")
    lu.assertEquals(s:readsome(), "some")
    b2:shutdown() -- the connection ends, TLS does not
    for _ = 1, 2 do
      local data, _, code = s:readsome()
      lu.assertNil(data)
      lu.assertEquals(code, "ETRUNCATED")
    end
    c:close()
    a2:close()
    b2:close()
  end)
end

TestTls.test_tls_close_is_prompt = with_pair(function(c, s)
  local reading = bide.spawn(function() return c:readsome() end)
  local writing = bide.spawn(function() return c:write(("x"):rep(10000000)) end)
  bide.yield_now()
  local before = bide.now()
  c:close()
  lu.assertNil(reading:await())
  lu.assertNil(writing:await())
  lu.assertTrue(bide.now() - before < 5)
end)

-- Something that is no part of the conversation comes from the network.
local function forged(record)
  return function()
    play(function()
      local a, a2 = bide.socketpair()
      local b2, b = bide.socketpair()
      local function forward(from, to)
        for data in function() return from:readsome() end do to:write(data) end
      end
      local g <close> = bide.scope()
      g:spawn(forward, a2, b2)
      g:spawn(forward, b2, a2)
      local ours, theirs = shake(a, b)
      local c, s = ours[1], theirs[1]
      local close_c <close> = c
      local close_s <close> = s
      b2:write(record)
      for _ = 1, 2 do
        local data, _, code = s:readsome()
        lu.assertNil(data)
        lu.assertEquals(code, "ETLS")
      end
      a2:close()
      b2:close()
    end)
  end
end

function TestTls.test_tls_altered_record_is_an_error()
  forged("\23\3\3\0\32" .. ("\0"):rep(32))()
end
function TestTls.test_tls_oversized_record_is_an_error()
  forged("\23\3\3\255\255" .. ("\0"):rep(100))()
end

TestTls.test_sendfile_over_tls = with_pair(function(c, s)
  local path, data = os.tmpname(), ("0123456789abcdef!"):rep(100000)
  local f <close> = assert(bide.fs.open(path, "w+"))
  f:write(data)
  local sending = bide.spawn(function() return c:sendfile(f) end)
  lu.assertTrue(s:read(#data) == data)
  lu.assertEquals(sending:await(), #data)
  lu.assertEquals(c:sendfile(f, 1, 3), 3)
  lu.assertEquals(s:read(3), "123")
  os.remove(path)
end)

-- -- bad input ----------------------------------------------------------------

function TestTls.test_tls_bad_arguments_are_errors()
  play(function()
    local c, why, code = bide.tls.context {ca_file = "/nowhere"}
    lu.assertNil(c)
    lu.assertStrContains(why, "/nowhere")
    lu.assertEquals(code, "ETLS")
    lu.assertErrorMsgContains("needs a certificate", bide.tls.context, {server = true})
    lu.assertErrorMsgContains("verify", bide.tls.context, {verify = "maybe"})
    lu.assertErrorMsgContains("alpn", bide.tls.context, {alpn = "h2"})
    lu.assertErrorMsgContains("server = true", bide.tls.listen, "127.0.0.1", 0, client())
    lu.assertErrorMsgContains("a port is needed", bide.tls.listen, "127.0.0.1", nil, client())
    lu.assertErrorMsgContains("port must be 1", bide.tls.connect, "localhost", 0)
  end)
end

support.finish()
