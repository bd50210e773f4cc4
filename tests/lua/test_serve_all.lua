package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, contains = lu.assertEquals, lu.assertErrorMsgContains

-- Runs `script` in a process of its own; its output.
local function child(script)
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "w"))
    file:write(script)
    file:close()
    local result
    bide.run(function()
        result = assert(bide.process.run{ arg[-1], path })
    end)
    os.remove(path)
    eq(result.stderr, "")
    return result.stdout
end

-- Two listeners, a connection to each, whose handler does `handle`; `after`
-- runs then.
local function serve(handle, options, after)
    return child(([[
        local bide = require "bide"
        io.stdout:setvbuf("no")
        local function raise(name)
            local stat <close> = io.open("/proc/self/stat")
            local pid = stat:read("a"):match("^%%d+")
            os.execute("kill -" .. name .. " " .. pid)
        end
        bide.run(function()
            local listeners, clients, inside = {}, {}, bide.channel(9)
            local function handler(c)
                inside:send(true)
                local ended <close> = setmetatable({}, {
                    __close = function(_, err)
                        print(err and "cancelled" or "out")
                    end })
                %s
            end
            local what = { %s }
            for i = 1, 2 do
                listeners[i] = assert(bide.tcp.listen("127.0.0.1", 0))
                what[i] = { listeners[i], handler }
            end
            local serving = bide.spawn(bide.serve, what)
            for i = 1, 2 do
                clients[i] = assert(bide.tcp.connect("127.0.0.1",
                    listeners[i]:port()))
                inside:recv()
            end
            local function closed()
                while not (listeners[1]:closed() and listeners[2]:closed()) do
                    bide.yield_now()
                end
            end
            %s
            print(serving:await(), listeners[1]:closed(),
                listeners[2]:closed())
        end)
    ]]):format(handle, options, after))
end

local both = "signals = { \"INT\", \"TERM\" }"

function test_serve_all_end_at_a_signal_and_drain()
    eq(serve("c:readsome()", both .. ", drain = 60", [[
        raise("TERM")
        closed()
        for i = 1, 2 do clients[i]:write("go") end
    ]]), "out\nout\ntrue\ttrue\ttrue\n")
end

function test_serve_all_cancel_what_outlives_the_drain()
    eq(serve("bide.sleep(600)", both .. ", drain = 0.01", "raise('TERM')"),
        "cancelled\ncancelled\ntrue\ttrue\ttrue\n")
end

function test_serve_all_second_signal_cancels_at_once()
    eq(serve("bide.sleep(600)", both, "raise('TERM') closed() raise('TERM')"),
        "cancelled\ncancelled\ntrue\ttrue\ttrue\n")
end

function test_serve_all_go_on_until_the_last_is_closed()
    bide.run(function()
        local first, second = support.listen(), support.listen()
        local function echo(c)
            c:write(c:readsome())
        end
        local serving = bide.spawn(bide.serve,
            { { first, echo }, { second, echo } })
        bide.yield_now()
        first:close()
        local c <close> = assert(bide.tcp.connect("127.0.0.1", second:port()))
        c:write("hi")
        eq(c:readsome(), "hi")
        lu.assertFalse(serving:done())
        second:close()
        eq(serving:await(), true)
    end)
end

function test_serve_all_bad_arguments_are_named()
    bide.run(function()
        local srv <close> = support.listen()
        contains("{{listener, handler}, ...}", bide.serve, {})
        contains("table expected", bide.serve, srv)
        contains("entry 2", bide.serve, { { srv, print }, { 1, print } })
        contains("entry 1 has no handler", bide.serve, { { srv } })
        contains("'drain'", bide.serve, { { srv, print }, drain = -1 })
    end)
end

-- A victim that serves two listeners, a client of each, and somebody who closes
-- the listeners when the clients, or the victim, are through.
local function service()
    local listeners, streams, inside, clients = {}, {}, 0, 2
    local over, ports = bide.event(), {}
    for i = 1, 2 do
        listeners[i] = support.listen()
        ports[i] = listeners[i]:port()
    end
    local function handle(c)
        streams[#streams + 1] = c
        inside = inside + 1
        local left <close> = setmetatable({}, { __close = function()
            inside = inside - 1
        end })
        local data = c:readsome()
        if data then
            c:write(data)
        end
    end
    local function client(number)
        return function()
            local c <close> = bide.tcp.connect("127.0.0.1", ports[number])
            if c and c:write "x" then
                c:readsome()
            end
            clients = clients - 1
            if clients == 0 then
                over:set()
            end
        end
    end
    return {
        -- Sockets are looked at every so many rounds: one round does little.
        pause = function()
            support.settle(8)
        end,
        victim = function()
            local told <close> = setmetatable({}, { __close = function()
                over:set()
            end })
            bide.serve { { listeners[1], handle }, { listeners[2], handle } }
        end,
        tasks = { client(1), client(2), function()
            over:wait()
            for _, listener in ipairs(listeners) do
                listener:close()
            end
        end },
        check = function(outcome)
            eq(inside, 0)
            for _, stream in ipairs(streams) do
                lu.assertTrue(stream:closed())
            end
            lu.assertTrue(outcome == "cancelled" or #streams == 2)
        end,
    }
end

function test_serve_all_cancel_at_every_park()
    support.cancel_at_every_park(service)
end

support.finish()
