-- What the Lua servers share: `tcp`, `unix PATH`, `tls PEM` or `udp` on their
-- command line, tcp if there is none of these.
local transport = {}

transport.kind, transport.argument = arg[1] or "tcp", arg[2]

-- The server is up; a Unix socket has no port.
function transport.announce(port)
    print(math.tointeger(port))
    io.stdout:flush()
end

-- Says that this contender has no such transport, and ends the program.
function transport.refuse()
    io.stderr:write("error: no ", transport.kind, "\n")
    os.exit(3)
end

function transport.contents(path)
    local file <close> = assert(io.open(path, "rb"))
    return file:read "a"
end

return transport
