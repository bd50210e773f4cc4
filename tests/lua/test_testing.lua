-- bide.testing: waiting for the others, time, leaks, orders.
package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"
local testing = require "bide.testing"

local eq = lu.assertEquals

function test_wait_all_parked_lets_the_others_get_as_far_as_they_can()
    testing.run(function()
        local steps = {}
        local channel = bide.channel(1)
        local worker = bide.spawn(function()
            for i = 1, 5 do
                bide.yield_now()
                steps[#steps + 1] = i
            end
            channel:recv()
            steps[#steps + 1] = "received"
            bide.sleep(10)
        end)
        testing.wait_all_parked()
        eq(steps, { 1, 2, 3, 4, 5 })
        channel:send("go")
        testing.wait_all_parked()
        eq(steps[6], "received")
        eq(bide.now(), 0)
        worker:await()
    end)
end

function test_wait_all_parked_of_several_ends_together()
    testing.run(function()
        local order = {}
        do
            local g <close> = bide.scope()
            for _, name in ipairs { "a", "b", "c" } do
                g:spawn(function()
                    testing.wait_all_parked()
                    order[#order + 1] = name
                end)
            end
            bide.yield_now()
            eq(order, {})
        end
        eq(order, { "a", "b", "c" })
    end)
end

function test_wait_all_parked_waits_for_what_is_ready_in_the_system()
    for _, virtual in ipairs { true, false } do
        testing.run(function()
            local ours, theirs = bide.socketpair()
            local got
            local reader = bide.spawn(function()
                got = theirs:readsome(10)
            end)
            testing.wait_all_parked()
            ours:write("x")
            testing.wait_all_parked()
            eq(got, "x")
            reader:await()
            ours:close()
            theirs:close()
        end, { virtual_time = virtual })
    end
end

function test_wait_all_parked_can_be_cancelled()
    testing.run(function()
        local other = bide.spawn(function()
            while true do
                bide.yield_now()
            end
        end)
        local waits = bide.spawn(testing.wait_all_parked)
        bide.yield_now()
        waits:cancel()
        lu.assertFalse((waits:join()))
        other:cancel()
    end)
end

function test_advance_runs_what_falls_due_in_its_order()
    testing.run(function()
        local seen = {}
        local ticker = bide.spawn(function()
            while true do
                bide.sleep(2)
                seen[#seen + 1] = bide.now()
            end
        end)
        local watch = testing.elapsed()
        testing.advance(6)
        eq(seen, { 2, 4, 6 })
        eq(watch(), 6)
        ticker:cancel()
    end)
end

function test_testing_run_has_a_timeout()
    lu.assertErrorMsgContains("longer than 10 s", testing.run, function()
        bide.sleep(100)
    end, { timeout = 10 })
    eq({ testing.run(function() return 1, nil, 3 end, { timeout = 10 }) },
        { 1, nil, 3 })
end

-- -- leaks --------------------------------------------------------------------

function test_leak_check_is_silent_about_what_cleans_up()
    eq(testing.run(function()
        do
            local g <close> = bide.scope()
            g:spawn(bide.sleep, 1)
        end
        eq(bide.spawn_blocking(function() return 1 end), 1)
        local a, b = bide.socketpair()
        a:close()
        b:close()
        return 42
    end, { leaks = true }), 42)
end

local function leaks(test)
    local ok, err = pcall(testing.run, test, { leaks = true })
    lu.assertFalse(ok)
    return tostring(err)
end

function test_leak_check_names_tasks()
    local line = debug.getinfo(1, "l").currentline + 3
    local text = leaks(function()
        bide.spawn({ name = "lost" }, function()
            bide.event():wait()
        end)
        testing.wait_all_parked()
    end)
    lu.assertStrContains(text, 'task "lost" (spawned at ')
    lu.assertStrContains(text, "is not done: ")
    lu.assertStrContains(text, "test_testing.lua:" .. line)
end

function test_leak_check_names_streams_and_listeners()
    local kept
    lu.assertStrContains(leaks(function()
        kept = assert(bide.tcp.listen("127.0.0.1", 0))
    end), "1 I/O objects are open")
    lu.assertNotNil(kept)
end

function test_leak_check_names_descriptors()
    local kept
    lu.assertStrContains(leaks(function()
        kept = assert(io.open("/dev/null"))
    end), "is open: /dev/null")
    kept:close()
end

function test_leak_check_names_jobs()
    lu.assertStrContains(leaks(function()
        bide.job(function() os.execute("sleep 0.05") end)
        bide.yield_now()
    end), "1 blocking jobs are running")
end

function test_leak_check_lets_the_own_failure_through()
    local ok, err = pcall(testing.run, function()
        bide.spawn(bide.sleep, 1)
        error("first")
    end, { leaks = true })
    lu.assertFalse(ok)
    lu.assertStrContains(err, "first")
end

-- -- orders -------------------------------------------------------------------

local function racy()
    local log = {}
    do
        local g <close> = bide.scope()
        for i = 1, 4 do
            g:spawn(function()
                bide.yield_now()
                log[#log + 1] = i
            end)
        end
    end
    assert(log[1] ~= 4, "4 was first")
end

function test_explore_finds_the_order_that_fails()
    local ok, err = pcall(testing.explore, racy, { seeds = 1000, start = 1 })
    lu.assertFalse(ok)
    lu.assertStrContains(err, "4 was first")
    local seed = tonumber(err:match "seed (%d+)")
    lu.assertErrorMsgContains("4 was first", testing.run, racy, { seed = seed })
end

function test_explore_runs_every_order_that_works()
    local runs = 0
    testing.explore(function() runs = runs + 1 end, { seeds = 7 })
    eq(runs, 7)
    testing.case(function() runs = runs + 1 end, { seeds = 3 })()
    eq(runs, 10)
    testing.case(function() runs = runs + bide.now() + 1 end)()
    eq(runs, 11)
end

function test_unknown_option_is_an_error()
    lu.assertErrorMsgContains("unknown option 'sead'", testing.run, print,
        { sead = 1 })
end

support.finish()
