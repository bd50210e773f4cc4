-- TLS that is cancelled, refused, reset or left without a word: what is told,
-- and that nothing stays.
package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"
if not support.has_tls() then
    support.finish() -- test_tls_absent.lua has what remains
end

local dir = os.tmpname()
os.remove(dir)
assert(os.execute(arg[0]:match "^(.-)[^/]*$" .. "../certs.sh " .. dir))

local function server(name)
    local path = ("%s/%s"):format(dir, name)
    return assert(bide.tls.context {
        server = true,
        cert_file = path .. ".pem",
        key_file = path .. ".key",
    })
end

local function client(ca)
    return assert(bide.tls.context { ca_file = ("%s/%s.pem"):format(dir, ca) })
end

-- -- cancelling -------------------------------------------------------------

local SIZE = 300000

-- Each end writes much and reads what the other writes, then ends its half; an
-- end that is cancelled closes, and the other one gets through.
local function conversation(server_side)
    local a, b
    local s, c = server "server", client "ca"
    local peer_done, mine = false, nil
    local function start(stream, is_server)
        if is_server then
            return stream:start_tls(s)
        end
        return stream:start_tls(c, { host = "localhost" })
    end
    local function open()
        if not a then
            a, b = bide.socketpair()
        end
    end
    return {
        -- Sockets are looked at every so many rounds: one round does little.
        pause = function()
            support.settle(16)
        end,
        victim = function()
            open()
            local plain <close> = a
            mine = assert(start(a, server_side))
            local tls <close> = mine
            tls:write(("x"):rep(SIZE))
            lu.assertEquals(tls:read "l", "line")
            lu.assertEquals(#tls:read(SIZE), SIZE)
            tls:shutdown()
            lu.assertEquals({ tls:readsome() }, { nil, "eof" })
        end,
        tasks = {
            function()
                open()
                local plain <close> = b
                local tls <close> = start(b, not server_side)
                if tls and tls:read(SIZE) then
                    tls:write("line\n", ("y"):rep(SIZE))
                    tls:shutdown()
                    tls:readsome()
                end
                peer_done = true
            end,
        },
        check = function()
            lu.assertTrue(peer_done)
            lu.assertTrue(a == nil or a:closed())
            lu.assertTrue(mine == nil or mine:closed())
        end,
    }
end

function test_tls_cancel_at_every_park()
    for _, server_side in ipairs { false, true } do
        support.cancel_at_every_park(function()
            return conversation(server_side)
        end)
    end
end

-- -- nothing stays ----------------------------------------------------------

-- The code of an answer nil, message, code; or nil, "eof".
local function code_of(result, message, code)
    if result == nil then
        return code or message
    end
end

-- Says a word and waits for one that does not come: how that ends.
local function talk(srv)
    local s <close> = assert(srv:accept())
    s:write "x"
    return code_of(s:readsome())
end

-- `meet(srv)` is the client; the codes are what both ends are told.
local function fault(certificate, meet, ours, theirs)
    local context = server(certificate)
    return function()
        local srv <close> =
            assert(bide.tls.listen("127.0.0.1", 0, context))
        local serving = bide.spawn(talk, srv)
        lu.assertEquals(meet(srv), ours)
        lu.assertEquals(serving:await(), theirs)
    end
end

local function refuses(ca, host)
    local context = client(ca)
    return function(srv)
        return code_of(bide.tls.connect("127.0.0.1", srv:port(),
            { context = context, host = host }))
    end
end

local trusting = client "ca"

local function connect(srv)
    return assert(bide.tls.connect("127.0.0.1", srv:port(),
        { context = trusting, host = "localhost" }))
end

local faults = {
    bad_certificate = fault("server", refuses("other-ca", "localhost"),
        "ECERTIFICATE", "ETLS"),
    wrong_host = fault("server", refuses("ca", "other.test"), "ECERTIFICATE",
        "ETLS"),
    expired = fault("expired", refuses("ca", "localhost"), "ECERTIFICATE",
        "ETLS"),
    reset_in_handshake = fault("server", function(srv)
        local c = assert(bide.tcp.connect("127.0.0.1", srv:port()))
        c:write "\22\3\1"
        c:abort()
    end, nil, "ECONNRESET"),
    reset_in_conversation = fault("server", function(srv)
        local c = connect(srv)
        c:write "ignored"
        c:readsome()
        c:abort()
    end, nil, nil),
    cancelled_read = fault("server", function(srv)
        local c <close> = connect(srv)
        c:readsome()
        return select(2, bide.timeout(0.001, c.readsome, c))
    end, "timeout", "eof"),
    cancelled_write = fault("server", function(srv)
        local c <close> = connect(srv)
        return select(2, bide.timeout(0.001, c.write, c, ("x"):rep(1 << 24)))
    end, "timeout", nil),
}

-- A conversation through a plain stream that ends before TLS does.
function faults.no_goodbye()
    local a, a2 = bide.socketpair()
    local b2, b = bide.socketpair()
    local function forward(from, to)
        for data in function() return from:readsome() end do
            to:write(data)
        end
    end
    local hoses = { bide.spawn(forward, a2, b2), bide.spawn(forward, b2, a2) }
    local shaking = bide.spawn(b.start_tls, b, server "server")
    local c <close> = assert(a:start_tls(trusting, { host = "localhost" }))
    local s <close> = assert(shaking:await())
    b2:shutdown()
    lu.assertEquals(code_of(s:readsome()), "ETRUNCATED")
    for _, stream in ipairs { c, s, a2, b2 } do
        stream:close()
    end
    for _, hose in ipairs(hoses) do
        hose:join()
    end
end

function faults.cancelled_handshake()
    local a, b = bide.socketpair()
    local mute <close> = b
    local _, why =
        bide.timeout(0.001, a.start_tls, a, trusting, { host = "localhost" })
    lu.assertEquals(why, "timeout")
    a:close()
end

local ROUNDS = 25

function test_tls_faults_leave_nothing_open()
    bide.run(function()
        for name, commit in pairs(faults) do
            support.noting(name, commit) -- opens what the first one does
            collectgarbage()
            local before, memory = support.descriptors(), collectgarbage "count"
            for _ = 1, ROUNDS do
                support.noting(name, commit)
            end
            local tries = 0
            collectgarbage()
            collectgarbage()
            while support.descriptors() ~= before do
                bide.sleep(0.001)
                tries = tries + 1
                lu.assertTrue(tries < 1000, name)
            end
            local more = collectgarbage "count" - memory
            lu.assertTrue(more < 64, ("%s: %.0f KiB more"):format(name, more))
        end
    end)
end

support.finish()
