-- Echo over TLS through the loopback interface: a round trip is a write and an
-- exact read at either end of one connection, both in this process. What is
-- timed is the CPU: the ends wait for each other. cqueues has its TLS from
-- luaossl; both have the same certificate, which the client checks.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local harness = require "harness"

local SIZES = { { "1 KiB", 1024 }, { "10 KiB", 10240 }, { "100 KiB", 102400 } }

-- A certificate made for the occasion: the paths of it and of its key.
local function certificate()
    local cert, key = os.tmpname(), os.tmpname()
    assert(os.execute(("openssl req -x509 -nodes -days 1 -newkey ec -pkeyopt "
        .. "ec_paramgen_curve:prime256v1 -subj /CN=localhost -addext "
        .. "subjectAltName=DNS:localhost -keyout %s -out %s 2>/dev/null")
        :format(key, cert)))
    return cert, key
end

local function with_certificate(fn)
    return function(...)
        local cert, key = certificate()
        local elapsed = fn(cert, key, ...)
        os.remove(cert)
        os.remove(key)
        return elapsed
    end
end

local function over_bide(size)
    return with_certificate(function(cert, key, n, bide)
        local data = ("x"):rep(size)
        local server = assert(bide.tls.context {
            server = true,
            cert_file = cert,
            key_file = key,
        })
        local client = assert(bide.tls.context { ca_file = cert })
        local listener <close> = assert(bide.tls.listen("127.0.0.1", 0, server))
        local echo = bide.spawn(function()
            local stream <close> = assert(listener:accept())
            for _ = 1, n do
                stream:write(stream:read(size))
            end
        end)
        local stream <close> = assert(bide.tls.connect("127.0.0.1",
            listener:port(), { context = client, host = "localhost" }))
        local start = harness.cpu()
        for _ = 1, n do
            stream:write(data)
            stream:read(size)
        end
        local elapsed = harness.cpu() - start
        echo:await()
        return elapsed
    end)
end

-- Contexts of luaossl, set up as bide's are.
local function luaossl(cert, key)
    local context = require "openssl.ssl.context"
    local function read(path)
        local file <close> = assert(io.open(path))
        return file:read "a"
    end
    local x509 = require("openssl.x509").new(read(cert))
    local server, client = context.new("TLS", true), context.new("TLS")
    server:setCertificate(x509)
    server:setPrivateKey(require("openssl.pkey").new(read(key)))
    local store = require("openssl.x509.store").new()
    store:add(x509)
    client:setStore(store)
    client:setVerify(context.VERIFY_PEER)
    return server, client
end

-- Unbuffered writes: else they lie there until the next flush.
local function secure(stream, context)
    stream:setmode("bf", "bn")
    assert(stream:starttls(context))
    return stream
end

local function over_cqueues(size)
    return with_certificate(function(cert, key, n, loop)
        local socket = require "cqueues.socket"
        local data = ("x"):rep(size)
        local server, client = luaossl(cert, key)
        local listener = assert(socket.listen("127.0.0.1", 0))
        assert(listener:listen())
        local _, _, port = listener:localname()
        loop:wrap(function()
            local stream = secure(assert(listener:accept()), server)
            for _ = 1, n do
                stream:write(stream:read(size))
            end
        end)
        local stream = assert(socket.connect("127.0.0.1", port))
        secure(stream, client)
        local start = harness.cpu()
        for _ = 1, n do
            stream:write(data)
            stream:read(size)
        end
        local elapsed = harness.cpu() - start
        stream:close()
        listener:close()
        return elapsed
    end)
end

-- Without luaossl cqueues has no TLS.
local rivals = pcall(require, "openssl.ssl.context")
for _, row in ipairs(SIZES) do
    harness.case(row[1], {
        bide = over_bide(row[2]),
        cqueues = rivals and over_cqueues(row[2]) or nil,
    }, nil, "cpu")
end

harness.main()
