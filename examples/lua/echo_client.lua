-- Many clients at once against an echo server, with a time limit for all.
--
--   lua echo_client.lua 127.0.0.1 7000    against a server that runs there
--   lua echo_client.lua                   against one of its own
local bide = require "bide"

local CLIENTS, ROUNDS = 50, 20

local function client(host, port, n)
    local c <close> = assert(bide.tcp.connect(host, port))
    for i = 1, ROUNDS do
        local sent = ("client %d, message %d\n"):format(n, i)
        assert(c:write(sent))
        local got = assert(c:read("L"))
        assert(got == sent, "the echo differs")
    end
    return ROUNDS
end

local function all_clients(host, port)
    local total, tasks = 0, {}
    do
        local g <close> = bide.scope()
        for n = 1, CLIENTS do
            tasks[n] = g:spawn(client, host, port, n)
        end
    end -- all have ended; had one failed, the others were cancelled
    for _, task in ipairs(tasks) do
        total = total + task:await()
    end
    return total
end

bide.run(function()
    local host, port = arg and arg[1], tonumber(arg and arg[2])
    local srv <close> = not port and
        assert(bide.tcp.listen("127.0.0.1", 0)) or nil
    if srv then
        host, port = srv:address()
        bide.spawn(function()
            srv:serve(function(c)
                for line in c:lines("L") do
                    c:write(line)
                end
            end)
        end)
    end
    local total, why = bide.timeout(30, all_clients, host, port)
    if not total then
        error("no answer in time: " .. tostring(why))
    end
    print(("%d clients, %d round trips"):format(CLIENTS, total))
end)
