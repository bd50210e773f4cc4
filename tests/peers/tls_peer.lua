-- One end of TLS connections, as tls_peer.py tells.
local bide = require "bide"

local role, directory, version, port, wait = table.unpack(arg)
io.stdout:setvbuf "line"

local function context()
    return assert(bide.tls.context {
        server = role == "server",
        verify = role == "server" and "optional" or nil,
        ca_file = directory .. "/ca.pem",
        cert_file = ("%s/%s.pem"):format(directory, role),
        key_file = ("%s/%s.key"):format(directory, role),
        alpn = { "http/1.1" },
        min_version = version,
        max_version = version,
    })
end

local function tell(stream, line)
    local tls = stream:tls()
    print(tls.version, tls.alpn, tls.session_reused and "resumed" or "new",
        tls.peer.subject:match "CN=(%w+)", line)
end

local function tell_end(stream)
    local data, why, code = stream:readsome()
    print(data and "more" or why == "eof" and "end"
        or code == "ETRUNCATED" and "truncated" or why)
end

local function be_client()
    local session, c = nil, context()
    for i = 1, 2 do
        local stream <close> = assert(bide.tls.connect("127.0.0.1",
            math.tointeger(port),
            { context = c, host = "localhost", session = session }))
        assert(stream:write "hello\n")
        tell(stream, assert(stream:read "l"))
        session = stream:session()
        if i == 2 and wait then
            tell_end(stream)
        end
    end
end

local function be_server()
    local listener <close> = assert(bide.tls.listen("127.0.0.1", 0, context()))
    print("port", listener:port())
    for _ = 1, 2 do
        local stream <close> = assert(listener:accept())
        local line = assert(stream:read "l")
        assert(stream:write(line, "\n"))
        tell(stream, line)
        tell_end(stream)
    end
end

bide.run(role == "client" and be_client or be_server)
