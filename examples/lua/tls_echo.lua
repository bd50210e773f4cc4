-- tls_echo.lua - an echo server and its client over TLS, with a certificate made
-- for the occasion by the openssl program.
--
--   lua5.4 examples/lua/tls_echo.lua
local bide = require "bide"

local cert, key = os.tmpname(), os.tmpname()
assert(os.execute(("openssl req -x509 -nodes -days 1 -newkey rsa:2048 -subj /CN=localhost "
  .. "-addext subjectAltName=DNS:localhost -keyout %s -out %s 2>/dev/null"):format(key, cert)))

local server = assert(bide.tls.context {server = true, cert_file = cert, key_file = key})
local client = assert(bide.tls.context {ca_file = cert})
os.remove(cert)
os.remove(key)

local function echo(stream)
  for data in function() return stream:readsome() end do
    stream:write(data)
  end
  stream:shutdown()
end

bide.run(function()
  local listener <close> = assert(bide.tls.listen("127.0.0.1", 0, server))
  local group <close> = bide.scope()
  group:spawn(function() listener:serve(echo) end)

  local stream <close> = assert(bide.tls.connect("127.0.0.1", listener:port(),
    {context = client, host = "localhost"}))
  stream:write("hello\n")
  print(stream:read("l"))
  print(stream:tls().version)
  stream:shutdown()
  listener:close()
end)
