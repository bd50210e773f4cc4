-- bide's own streams.
local bide = require "bide"

local function handle(conn)
    while true do
        local data = conn:readsome(65536)
        if not data then
            return
        end
        conn:write(data)
    end
end

bide.run(function()
    local server <close> = assert(bide.tcp.listen("127.0.0.1", 0))
    print(server:port())
    io.stdout:flush()
    server:serve(handle)
end)
