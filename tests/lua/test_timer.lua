package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

local function sleepers(times)
    local order = {}
    local g <close> = bide.scope()
    for i, s in ipairs(times) do
        g:spawn(function()
            bide.sleep(s)
            order[#order + 1] = i
        end)
    end
    g:close()
    return order
end

function test_sleep_wakes_in_the_order_of_deadlines()
    run(function()
        eq(sleepers { 3, 1, 2, 0.5 }, { 4, 2, 3, 1 })
    end)
end

function test_sleep_with_equal_deadlines_wakes_in_fifo_order()
    run(function()
        eq(sleepers { 1, 1, 1, 1 }, { 1, 2, 3, 4 })
    end)
end

function test_sleep_never_ends_early()
    bide.run(function()
        for _, s in ipairs { 0.0001, 0.001, 0.0015, 0.002 } do
            local before = bide.now()
            bide.sleep(s)
            lu.assertTrue(bide.now() - before >= s)
        end
    end)
end

function test_sleep_until_a_past_time_yields_once()
    run(function()
        local before = bide.now()
        for _, wait in ipairs {
            function() bide.sleep_until(bide.now()) end,
            function() bide.sleep_until(0) end,
            function() bide.sleep(0) end,
        } do
            local rounds = 0
            local other = bide.spawn(function()
                while true do
                    rounds = rounds + 1
                    bide.yield_now()
                end
            end)
            wait()
            eq(rounds, 1)
            other:cancel()
            other:join()
        end
        eq(bide.now(), before)
        bide.sleep_until(before + 2)
        lu.assertAlmostEquals(bide.now(), before + 2, 1e-6)
    end)
end

function test_sleep_cancelled_leaves_no_timer()
    local ok, err = pcall(run, function()
        local task = bide.spawn(bide.sleep, 1000)
        settle()
        task:cancel()
        task:join()
        bide.event():wait() -- with a timer left this would be no stall
    end)
    eq(ok, false)
    lu.assertStrContains(err, "ESTALLED")
end

function test_sleep_for_ever_can_be_cancelled()
    run(function()
        eq(bide.timeout(1, bide.sleep, math.huge), nil)
    end)
end

function test_sleep_checks_its_argument()
    run(function()
        lu.assertErrorMsgContains(">= 0", bide.sleep, -1)
        lu.assertErrorMsgContains(">= 0", bide.sleep, 0 / 0)
        lu.assertErrorMsgContains("number expected", bide.sleep, {})
        lu.assertErrorMsgContains("number expected", bide.sleep)
    end)
end

function test_virtual_clock_jumps_to_the_next_timer()
    local real = os.time()
    run(function()
        local before = bide.now()
        bide.sleep(3600)
        lu.assertAlmostEquals(bide.now() - before, 3600, 1e-6)
    end)
    lu.assertTrue(os.time() - real < 60)
end

support.finish()
