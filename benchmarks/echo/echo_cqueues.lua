-- cqueues, a coroutine per connection, unbuffered binary streams.
local cqueues = require "cqueues"
local socket = require "cqueues.socket"

local loop = cqueues.new()
local server = assert(socket.listen {
    host = "127.0.0.1", port = 0, nodelay = true,
})
server:setmode("b", "bn")
assert(server:listen())

local function handle(conn)
    conn:setmode("b", "bn")
    -- Errors as results: a reset connection must not end the server.
    conn:onerror(function(_, _, code)
        return code
    end)
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
    print(math.tointeger(port))
    io.stdout:flush()
    for conn in server:clients() do
        loop:wrap(handle, conn)
    end
end)

assert(loop:loop())
