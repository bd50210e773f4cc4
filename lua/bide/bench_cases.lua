-- What bide.bench measures: a list of cases, each with a name and a function
-- for each contender that does n operations. In bide's it is called inside
-- bide.run, in cqueues' with the loop, inside a coroutine of it.
local bide = require "bide"

local MESSAGE = ("m"):rep(1024)
local CONNECTIONS = 16

-- A queue of one place and a lock, as one builds them from cqueues' parts.
local function cqueues_queue()
    local new = require("cqueues.condition").new
    local full, filled, drained, value = false, new(), new(), nil
    local function send(v)
        while full do
            drained:wait()
        end
        full, value = true, v
        filled:signal(1)
    end
    local function recv()
        while not full do
            filled:wait()
        end
        full = false
        drained:signal(1)
        return value
    end
    return send, recv
end

local function cqueues_mutex()
    local free, held = require("cqueues.condition").new(), false
    local function lock()
        while held do
            free:wait()
        end
        held = true
    end
    local function unlock()
        held = false
        free:signal(1)
    end
    return lock, unlock
end

local function cqueues_echo(c)
    c:setmode("b", "bn")
    while true do
        local data = c:read(-65536)
        if not data then
            break
        end
        c:write(data)
    end
    c:close()
end

-- -- cases -------------------------------------------------------------------

-- Each contender's function does n operations.
local cases = {}

local function case(name, by)
    cases[#cases + 1] = { name = name, by = by }
end

case("switch, 1 task", {
    bide = function(n)
        local yield = bide.yield_now
        for _ = 1, n do
            yield()
        end
    end,
    ["plain coroutines"] = function(n)
        local resume, yield = coroutine.resume, coroutine.yield
        local co = coroutine.create(function()
            while true do
                yield()
            end
        end)
        for _ = 1, n do
            resume(co)
        end
    end,
    cqueues = function(n, _, cqueues)
        for _ = 1, n do
            cqueues.sleep(0)
        end
    end,
})

case("switch, 1000 tasks", {
    bide = function(n)
        local yield, each = bide.yield_now, n // 1000
        local g <close> = bide.scope()
        for _ = 1, 1000 do
            g:spawn(function()
                for _ = 1, each do
                    yield()
                end
            end)
        end
    end,
    ["plain coroutines"] = function(n)
        local resume, yield, list = coroutine.resume, coroutine.yield, {}
        for i = 1, 1000 do
            list[i] = coroutine.create(function()
                while true do
                    yield()
                end
            end)
        end
        for _ = 1, n // 1000 do
            for i = 1, 1000 do
                resume(list[i])
            end
        end
    end,
    cqueues = function(n, loop, cqueues)
        for _ = 1, 1000 do
            loop:wrap(function()
                for _ = 1, n // 1000 do
                    cqueues.sleep(0)
                end
            end)
        end
    end,
})

case("spawn and join", {
    bide = function(n)
        local function nothing() end
        for _ = 1, n do
            bide.spawn(nothing):await()
        end
    end,
})

case("mutex, free", {
    bide = function(n)
        local mutex = bide.mutex()
        for _ = 1, n do
            local guard <close> = mutex:lock()
        end
    end,
    cqueues = function(n)
        local lock, unlock = cqueues_mutex()
        for _ = 1, n do
            lock()
            unlock()
        end
    end,
})

case("mutex, 100 tasks", {
    bide = function(n)
        local mutex, yield = bide.mutex(), bide.yield_now
        local g <close> = bide.scope()
        for _ = 1, 100 do
            g:spawn(function()
                for _ = 1, n // 100 do
                    local guard <close> = mutex:lock()
                    yield()
                end
            end)
        end
    end,
    cqueues = function(n, loop, cqueues)
        local lock, unlock = cqueues_mutex()
        for _ = 1, 100 do
            loop:wrap(function()
                for _ = 1, n // 100 do
                    lock()
                    cqueues.sleep(0)
                    unlock()
                end
            end)
        end
    end,
})

case("channel, capacity 1", {
    bide = function(n)
        local ch = bide.channel(1)
        bide.spawn(function()
            for i = 1, n do
                ch:send(i)
            end
        end)
        for _ = 1, n do
            ch:recv()
        end
    end,
    cqueues = function(n, loop)
        local send, recv = cqueues_queue()
        loop:wrap(function()
            for i = 1, n do
                send(i)
            end
        end)
        for _ = 1, n do
            recv()
        end
    end,
})

case("channel, capacity 128", {
    bide = function(n)
        local ch = bide.channel(128)
        bide.spawn(function()
            for i = 1, n do
                ch:send(i)
            end
        end)
        for _ = 1, n do
            ch:recv()
        end
    end,
})

case("echo, 1 KiB", {
    bide = function(n)
        local srv <close> = assert(bide.tcp.listen("127.0.0.1", 0))
        local port = srv:port()
        bide.spawn(function()
            srv:serve(function(c)
                while true do
                    local data = c:readsome()
                    if not data then
                        return
                    end
                    c:write(data)
                end
            end)
        end)
        local g <close> = bide.scope()
        for _ = 1, CONNECTIONS do
            g:spawn(function()
                local c <close> = assert(bide.tcp.connect("127.0.0.1", port))
                for _ = 1, n // CONNECTIONS do
                    c:write(MESSAGE)
                    assert(c:read(#MESSAGE))
                end
            end)
        end
    end,
    cqueues = function(n, loop)
        local socket = require "cqueues.socket"
        local srv = assert(socket.listen { host = "127.0.0.1", port = 0 })
        assert(srv:listen())
        local _, _, port = srv:localname()
        loop:wrap(function()
            for _ = 1, CONNECTIONS do
                loop:wrap(cqueues_echo, assert(srv:accept()))
            end
            srv:close()
        end)
        for _ = 1, CONNECTIONS do
            loop:wrap(function()
                local c = assert(socket.connect("127.0.0.1", port))
                c:setmode("b", "bn")
                for _ = 1, n // CONNECTIONS do
                    c:write(MESSAGE)
                    assert(c:read(#MESSAGE))
                end
                c:close()
            end)
        end
    end,
})

return cases
