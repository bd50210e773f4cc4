-- cqueues, a coroutine per connection, unbuffered binary streams; TLS is
-- luaossl's. It has no datagrams with addresses.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local cqueues = require "cqueues"
local socket = require "cqueues.socket"
local transport = require "transport"

local function context(pem)
    local made = require("openssl.ssl.context").new("TLS", true)
    local text = transport.contents(pem)
    made:setCertificate(require("openssl.x509").new(text, "PEM"))
    made:setPrivateKey(require("openssl.pkey").new(text, "PEM"))
    return made
end

local loop = cqueues.new()
local tls = transport.kind == "tls" and context(transport.argument)
local unix = transport.kind == "unix" and transport.argument
if transport.kind == "udp" then
    transport.refuse()
end
local server = assert(socket.listen(unix and { path = unix } or {
    host = "127.0.0.1", port = 0, nodelay = true,
}))
server:setmode("b", "bn")
assert(server:listen())

local function handle(conn)
    conn:setmode("b", "bn")
    -- Errors as results: a reset connection must not end the server.
    conn:onerror(function(_, _, code)
        return code
    end)
    if tls and not conn:starttls(tls) then
        return conn:close()
    end
    while true do
        -- A negative count reads what is there, up to that much.
        local data = conn:read(-65536)
        if not data or not conn:write(data) then
            break
        end
    end
    conn:close()
end

loop:wrap(function()
    local _, _, port = server:localname()
    transport.announce(unix and 0 or port)
    for conn in server:clients() do
        loop:wrap(handle, conn)
    end
end)

assert(loop:loop())
