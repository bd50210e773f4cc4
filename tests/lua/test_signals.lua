package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local settle = support.settle
local eq = lu.assertEquals

-- Sent by a child, and there when it has ended.
local function raise(name)
    io.popen("kill -" .. name .. " $PPID"):close()
end

local function run(fn)
    bide.run(function()
        local ok, err = bide.timeout(60, fn)
        lu.assertNotEquals(err, "timeout")
    end)
end

function test_signal_wakes_its_listener()
    run(function()
        local s <close> = bide.signals("USR1")
        local log = {}
        local task = bide.spawn(function()
            log = { s:wait() }
        end)
        settle()
        eq(log, {})
        raise("USR1")
        task:await()
        eq(log, { "USR1", 1 })
    end)
end

function test_signal_reaches_every_listener()
    run(function()
        local a <close> = bide.signals("USR1", "USR2")
        local b <close> = bide.signals("SIGUSR1")
        raise("USR1")
        eq((a:wait()), "USR1")
        eq((b:wait()), "USR1")
    end)
end

function test_signal_listener_tells_which()
    run(function()
        local s <close> = bide.signals("USR1", "USR2")
        raise("USR2")
        raise("USR1")
        local both = { [s:wait()] = true, [s:wait()] = true }
        eq(both, { USR1 = true, USR2 = true })
    end)
end

function test_signals_coalesce_and_are_counted()
    run(function()
        local s <close> = bide.signals("USR1")
        for _ = 1, 3 do
            raise("USR1")
        end
        eq({ s:wait() }, { "USR1", 3 })
        raise("USR1")
        eq({ s:wait() }, { "USR1", 1 })
    end)
end

function test_signal_before_the_listener_is_not_told()
    run(function()
        local s <close> = bide.signals("USR1")
        raise("USR1")
        local later <close> = bide.signals("USR1")
        eq(select(2, bide.timeout(0.01, later.wait, later)), "timeout")
    end)
end

function test_signal_cancelled_wait_loses_nothing()
    run(function()
        local s <close> = bide.signals("USR1")
        local task = bide.spawn(s.wait, s)
        settle()
        task:cancel()
        task:join()
        raise("USR1")
        eq((s:wait()), "USR1")
    end)
end

function test_signal_dropped_goes_to_the_next()
    run(function()
        local s <close> = bide.signals("USR1")
        local other = bide.spawn(s.wait, s)
        settle()
        raise("USR1")
        bide.race(function() s:wait() end, function() end)
        eq(other:await(), "USR1")
    end)
end

-- Runs a program on bide; what it printed, and its exit status (128 + n after
-- a signal).
local function child(body)
    return support.script([[
        local bide = require "bide"
        local function raise(name)
            io.popen("kill -" .. name .. " $PPID"):close()
        end
        local function say(...)
            print(...)
            io.stdout:flush()
        end
    ]] .. body)
end

function test_signal_listener_puts_back_what_was_before()
    local text, status = child [[
        bide.run(function()
            bide.spawn(raise, "USR1")
            for name in bide.signals("USR1") do
                say(name)
                break
            end
            raise("USR1")
            say("not reached")
        end)
    ]]
    lu.assertStrContains(text, "USR1\n")
    lu.assertNotStrContains(text, "not reached")
    eq(status, 128 + 10)
end

function test_signal_close_wakes_the_waits()
    run(function()
        local s = bide.signals("USR1")
        local task = bide.spawn(function() return s:wait() end)
        local loop = bide.spawn(function()
            local n = 0
            for _ in s do
                n = n + 1
            end
            return n
        end)
        settle()
        eq(s:closed(), false)
        s:close()
        s:close()
        eq(s:closed(), true)
        eq(select(3, task:await()), "ECLOSED")
        eq(loop:await(), 0)
        eq(select(3, s:wait()), "ECLOSED")
    end)
end

function test_signal_that_cannot_be_listened_to_is_an_error()
    run(function()
        for _, bad in ipairs { "KILL", "SEGV", 0, -1, 1 << 40 } do
            lu.assertErrorMsgContains("can be caught", bide.signals, bad)
        end
        lu.assertErrorMsgContains("can be caught", bide.signals, "USR1", "USR1")
        lu.assertErrorMsgContains("no signal \"BANG\"", bide.signals, "BANG")
        lu.assertErrorMsgContains("names such as", bide.signals, {})
        lu.assertErrorMsgContains("are needed", bide.signals)
    end)
    lu.assertError(bide.signals, "USR1")
end

function test_signals_are_iterated()
    run(function()
        local seen = {}
        bide.spawn(raise, "USR1")
        for name, count in bide.signals("USR1", "USR2") do
            seen[#seen + 1] = name .. count
            if name == "USR2" then
                break
            end
            raise("USR2")
        end
        eq(seen, { "USR11", "USR21" })
    end)
end

function test_interrupt_is_the_listeners_while_there_is_one()
    local text = child [[
        print(pcall(bide.run, function()
            do
                local s <close> = bide.signals("INT")
                raise("INT")
                print((s:wait()))
                raise("INT")
                print((s:wait()))
            end
            raise("INT")
            local clean <close> = setmetatable({}, {
                __close = function() print("cleaned up") end })
            bide.sleep(60)
        end))
    ]]
    eq(text, "INT\nINT\ncleaned up\nfalse\tinterrupted!\n")
end

function test_listener_that_outlives_the_run_leaves_interrupts_alone()
    local text, status = child [[
        bide.run(function() kept = bide.signals("INT") end)
        raise("INT")
        say("not reached")
    ]]
    lu.assertNotStrContains(text, "not reached")
    lu.assertNotEquals(status, 0)
end

-- -- serve --------------------------------------------------------------------

local function serve(handle, drain, after)
    return child(([[
        bide.run(function()
            local srv <close> = assert(bide.tcp.listen("127.0.0.1", 0))
            local inside = bide.event()
            local function end_after_the_signal()
                while not srv:closed() do
                    bide.yield_now()
                end
            end
            local serving = bide.spawn(function()
                return srv:serve(function(c)
                    say("in")
                    inside:set()
                    local ended <close> = setmetatable({}, {
                        __close = function(_, err)
                            say(err and "cancelled" or "out")
                        end })
                    %s
                end, { drain = %s, signals = { "INT", "TERM" } })
            end)
            local c <close> = assert(bide.tcp.connect("127.0.0.1", srv:port()))
            inside:wait()
            raise("TERM")
            %s
            say(serving:await(), srv:closed())
        end)
    ]]):format(handle, drain, after or ""))
end

function test_serve_ends_at_a_signal_and_drains()
    for _, drain in ipairs { "30", "nil" } do
        eq(serve("end_after_the_signal()", drain), "in\nout\ntrue\ttrue\n")
    end
end

function test_serve_cancels_what_outlives_the_drain()
    eq(serve("bide.sleep(600)", "0.01"), "in\ncancelled\ntrue\ttrue\n")
end

function test_serve_second_signal_cancels_at_once()
    eq(serve("bide.sleep(600)", "600",
        "end_after_the_signal() raise('INT')"),
        "in\ncancelled\ntrue\ttrue\n")
end

function test_serve_drains_after_a_close_too()
    run(function()
        local srv <close> = assert(bide.tcp.listen("127.0.0.1", 0))
        local inside = bide.event()
        local ended
        local serving = bide.spawn(function()
            return srv:serve(function()
                inside:set()
                local note <close> = setmetatable({}, {
                    __close = function() ended = true end })
                bide.sleep(600)
            end, { drain = 0.01 })
        end)
        local c <close> = assert(bide.tcp.connect("127.0.0.1", srv:port()))
        inside:wait()
        srv:close()
        eq(serving:await(), true)
        eq(ended, true)
        local function nothing() end
        lu.assertErrorMsgContains("'drain'", srv.serve, srv, nothing,
            { drain = -1 })
        lu.assertErrorMsgContains("'signals'", srv.serve, srv, nothing,
            { signals = "INT" })
        lu.assertErrorMsgContains("no signal", srv.serve, srv, nothing,
            { signals = { "BANG" } })
        lu.assertErrorMsgContains("unknown option", bide.tcp.connect,
            "127.0.0.1", 1, { drain = 1 })
    end)
end

support.finish()
