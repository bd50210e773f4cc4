-- An echo server: a task for each connection.
--
--   lua echo_server.lua 7000    serves on port 7000 until Ctrl-C
--   lua echo_server.lua         serves one client of its own, and ends
local bide = require "bide"

local function echo(c)
    while true do
        local data = c:readsome(65536)
        if not data then -- nil, "eof", or an error: this connection is over
            return
        end
        c:write(data)
    end
end

local function demonstrate(srv)
    local server = bide.spawn(function() return srv:serve(echo) end)
    local c <close> = assert(bide.tcp.connect("127.0.0.1", srv:port()))
    for i = 1, 3 do
        c:write("hello ", i, "\n")
        print("the server said: " .. c:read("l"))
    end
    srv:close() -- no more connections; serve returns when the last one is over
    c:close()
    server:await()
end

bide.run(function()
    local port = tonumber(arg and arg[1])
    local srv <close> = assert(bide.tcp.listen("127.0.0.1", port or 0))
    local host, at = srv:address()
    print(("echo server on %s port %d"):format(host, at))
    if port then
        srv:serve(echo)
    else
        demonstrate(srv)
    end
end)
