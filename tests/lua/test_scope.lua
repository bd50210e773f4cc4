package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

-- What fn raises, which has to be a cancellation.
local function cancelled_in(fn, ...)
    local ok, err = pcall(fn, ...)
    eq(ok, false)
    lu.assertTrue(bide.is_cancelled(err), tostring(err))
    return err
end

-- -- children -----------------------------------------------------------------

function test_group_leaving_joins_its_tasks()
    run(function()
        local ended = 0
        do
            local g <close> = bide.scope()
            for i = 1, 3 do
                g:spawn(function()
                    bide.sleep(i)
                    ended = ended + 1
                end)
            end
            eq(g:count(), 3)
        end
        eq(ended, 3)
        eq(bide.scope(function(g)
            g:spawn(function()
                bide.sleep(1)
                ended = ended + 1
            end)
            return "result"
        end), "result")
        eq(ended, 4)
    end)
end

function test_group_error_cancels_the_siblings()
    run(function()
        local log = {}
        local function body(g)
            for i = 1, 2 do
                g:spawn(function()
                    local err = cancelled_in(bide.sleep, 1000)
                    log[#log + 1] = err.reason
                    error(err)
                end)
            end
            g:spawn(function()
                bide.sleep(1)
                error("first")
            end)
            bide.sleep(1000)
        end
        lu.assertErrorMsgContains("first", bide.scope, body)
        eq(log, { "a task of the scope failed", "a task of the scope failed" })
        lu.assertErrorMsgContains("first", function()
            local g <close> = bide.scope()
            body(g)
        end)
        lu.assertErrorMsgContains("joined", function()
            local g <close> = bide.scope()
            g:spawn(error, "joined")
        end)
        bide.sleep(1)
    end)
end

function test_group_block_error_cancels_its_tasks()
    run(function()
        local cancelled = 0
        local function body(g)
            g:spawn(function()
                cancelled_in(bide.sleep, 1000)
                cancelled = cancelled + 1
            end)
            settle()
            error("block")
        end
        lu.assertErrorMsgContains("block", bide.scope, body)
        lu.assertErrorMsgContains("block", function()
            local g <close> = bide.scope()
            body(g)
        end)
        eq(cancelled, 2)
    end)
end

function test_group_second_failure_is_reported()
    local reports = {}
    local before = bide.on_unhandled(function(message)
        reports[#reports + 1] = message
    end)
    pcall(run, function()
        local g <close> = bide.scope()
        g:spawn(function()
            local cleanup <close> = setmetatable({}, { __close = function()
                error("second")
            end })
            bide.sleep(1000)
        end)
        g:spawn(function()
            bide.sleep(1)
            error("first")
        end)
    end)
    bide.on_unhandled(before)
    eq(#reports, 1)
    lu.assertStrContains(reports[1], "second")
end

function test_group_cancel_reaches_every_task()
    run(function()
        local seen = 0
        local function nest(depth)
            local g <close> = bide.scope()
            if depth > 0 then
                g:spawn(nest, depth - 1)
            end
            local ok, err = pcall(bide.sleep, 1000)
            seen = seen + (bide.is_cancelled(err) and 1 or 0)
            error(err, 0)
        end
        local result, message, code = bide.scope(function(g)
            g:spawn(nest, 3)
            g:spawn(nest, 1)
            settle(12)
            eq(g:cancelled(), false)
            eq(g:cancel("stop"), true)
            eq(g:cancel("again"), false)
            eq(g:cancelled(), true)
            bide.yield_now()
        end)
        eq(seen, 6)
        eq({ result, message, code }, { nil, "cancelled: stop", "ECANCELED" })
    end)
end

function test_group_can_be_joined_by_hand()
    run(function()
        local g = bide.scope()
        local task = g:spawn(settle)
        g:close()
        eq(task:done(), true)
        g:close()
        lu.assertErrorMsgContains("closed", g.spawn, g, settle)
    end)
end

function test_group_left_open_is_an_error()
    run(function()
        local child
        local task = bide.spawn({ name = "forgetful" }, function()
            child = bide.scope():spawn(bide.sleep, 1000)
        end)
        local ok, err = task:join()
        eq(ok, false)
        lu.assertStrContains(err, 'task "forgetful"')
        lu.assertStrContains(err, "<close>")
        eq(child:join(), false)
        eq(child:status(), "cancelled")
    end)
end

function test_scopes_close_innermost_first()
    local ok, err = pcall(run, function()
        local outer = bide.scope()
        local inner <close> = bide.scope()
        lu.assertErrorMsgContains("innermost first", outer.close, outer)
        inner:close()
        outer:close()
    end)
    eq(err, nil)
    eq(ok, true)
end

function test_scope_belongs_to_its_task()
    run(function()
        local g <close> = bide.scope()
        local ok, err = bide.spawn(g.close, g):join()
        eq(ok, false)
        lu.assertStrContains(err, "did not open")
        eq(bide.spawn(function()
            return g:spawn(function()
                return "from outside"
            end)
        end):await():await(), "from outside")
    end)
end

-- -- cancellation ---------------------------------------------------------------

function test_scope_cancel_is_level_triggered()
    run(function()
        local task = bide.spawn(function()
            for _ = 1, 3 do
                cancelled_in(bide.sleep, 1000)
                cancelled_in(bide.yield_now)
            end
            return "ended by itself"
        end)
        settle()
        task:cancel()
        eq(task:await(), "ended by itself")
    end)
end

function test_scope_cancel_reaches_nested_scopes()
    run(function()
        local message = select(2, bide.scope(function(outer)
            bide.scope(function(middle)
                bide.timeout(1000, function()
                    outer:cancel("outer")
                    bide.sleep(1000)
                end)
            end)
            lu.fail("passed the middle")
        end))
        eq(message, "cancelled: outer")
    end)
end

function test_scope_cancel_leaves_the_outside_alone()
    run(function()
        local sibling = bide.spawn(function()
            bide.sleep(1)
            return "fine"
        end)
        bide.scope(function(g)
            g:cancel()
            bide.sleep(1000)
        end)
        bide.sleep(0.5)
        eq(sibling:await(), "fine")
    end)
end

function test_scope_keeps_the_first_reason()
    run(function()
        local task = bide.spawn(bide.sleep, 1000)
        settle()
        task:cancel({ "first" })
        task:cancel("second")
        local _, err = task:join()
        eq(err.reason, { "first" })
    end)
end

function test_scope_ends_its_cancellation_at_its_edge()
    run(function()
        bide.scope(function(g)
            g:cancel()
            bide.sleep(1000)
        end)
        bide.sleep(1)
        local ok, err = pcall(function()
            local g <close> = bide.scope()
            g:cancel("inside")
            cancelled_in(bide.yield_now)
            bide.sleep(1000)
        end)
        eq(ok, false)
        eq(tostring(err), "cancelled: inside")
        eq(bide.is_cancelled(err), false)
        bide.sleep(1)
    end)
end

function test_scope_passes_on_an_outer_cancellation()
    run(function()
        local task = bide.spawn(function()
            local err = cancelled_in(bide.scope, function(g)
                g:cancel("inner")
                bide.sleep(1000)
            end)
            error(err)
        end)
        task:cancel("outer")
        eq(task:join(), false)
        eq(task:status(), "cancelled")
    end)
end

function test_granted_operation_is_delivered_before_the_cancel()
    run(function()
        local s = bide.semaphore(0)
        local got
        local task = bide.spawn(function()
            got = s:acquire()
            bide.yield_now()
            got = "too far"
        end)
        settle()
        s:release()
        task:cancel()
        task:join()
        lu.assertNotIsNil(got)
        lu.assertNotEquals(got, "too far")
    end)
end

-- -- shields --------------------------------------------------------------------

function test_shield_lets_cleanup_await()
    run(function()
        local cleaned = {}
        local task = bide.spawn(function()
            local cleanup <close> = setmetatable({}, { __close = function()
                bide.shield(nil, function()
                    bide.sleep(1)
                    cleaned[1] = true
                end)
                do
                    local shield <close> = bide.shield(5)
                    bide.sleep(1)
                    cleaned[2] = true
                end
                cancelled_in(bide.sleep, 1)
            end })
            bide.sleep(1000)
        end)
        settle()
        task:cancel()
        task:join()
        eq(cleaned, { true, true })
        eq(task:status(), "cancelled")
    end)
end

function test_shield_ends_with_its_grace()
    run(function()
        local struck
        local task = bide.spawn(function()
            bide.shield(2, function()
                cancelled_in(bide.sleep, 1000)
                struck = bide.now()
            end)
        end)
        bide.sleep(1)
        local before = bide.now()
        task:cancel()
        task:join()
        lu.assertAlmostEquals(struck - before, 2, 1e-6)
    end)
end

function test_shield_gives_way_at_its_edge()
    run(function()
        local task = bide.spawn(function()
            bide.shield(nil, bide.sleep, 1)
            cancelled_in(bide.yield_now)
        end)
        settle()
        task:cancel()
        eq(task:join(), true)
    end)
end

-- -- timeouts -------------------------------------------------------------------

function test_timeout_ends_the_wait_at_its_deadline()
    run(function()
        local before = bide.now()
        eq({ bide.timeout(2, bide.sleep, 1000) }, { nil, "timeout",
            "ETIMEDOUT" })
        lu.assertAlmostEquals(bide.now() - before, 2, 1e-6)
        local ok, err = pcall(function()
            local limit <close> = bide.timeout(1)
            bide.sleep(1000)
        end)
        eq(ok, false)
        eq(err.timeout, true)
        eq(tostring(err), "timeout")
        eq(bide.is_cancelled(err), false)
        ok, err = pcall(function()
            local g <close> = bide.scope { timeout = 1 }
            g:spawn(bide.sleep, 1000)
        end)
        eq(ok, false)
        eq(err.timeout, true)
        bide.sleep(1)
    end)
end

function test_timeout_not_reached_changes_nothing()
    run(function()
        eq({ bide.timeout(1000, function(...)
            bide.sleep(1)
            return ...
        end, 1, nil, 3) }, { 1, nil, 3 })
        do
            local limit <close> = bide.timeout(1000)
            bide.sleep(1)
        end
        lu.assertErrorMsgContains("own", bide.timeout, 1, error, "own")
        -- No timer is left that could keep the clock going: the stall is seen.
        lu.assertErrorMsgContains("seconds", bide.timeout, -1, settle)
    end)
    local ok, err = pcall(run, function()
        bide.timeout(1000, settle)
        bide.event():wait()
    end)
    eq(ok, false)
    lu.assertStrContains(err, "ESTALLED")
end

function test_timeout_of_an_outer_block_passes_the_inner()
    run(function()
        local passed
        eq(select(2, bide.timeout(1, function()
            passed = cancelled_in(bide.timeout, 1000, bide.sleep, 1000)
            error(passed, 0)
        end)), "timeout")
        eq(passed.timeout, true)
    end)
end

function test_timeout_of_an_inner_block_stays_inside()
    run(function()
        eq(bide.timeout(1000, function()
            eq(bide.timeout(1, bide.sleep, 1000), nil)
            bide.sleep(1)
            return "outer"
        end), "outer")
    end)
end

function test_overdue_but_ready_operation_succeeds()
    run(function()
        local e = bide.event()
        e:set()
        bide.timeout(0, function()
            e:wait()
        end)
        local s = bide.semaphore(1)
        local permit, message = bide.timeout(0, s.acquire, s)
        eq(message, nil)
        lu.assertNotIsNil(permit)
    end)
end

function test_timeout_error_of_a_task_is_reported_as_a_failure()
    run(function()
        local task = bide.spawn(function()
            local limit <close> = bide.timeout(1)
            bide.sleep(1000)
        end)
        eq(task:join(), false)
        eq(task:status(), "failed")
    end)
end

function test_traceback_passes_scopes_and_timeouts()
    local ok, err = pcall(run, function()
        bide.timeout(1, function()
            bide.scope(function()
                local function culprit()
                    error("deep")
                end
                culprit()
            end)
        end)
    end)
    eq(ok, false)
    lu.assertStrContains(err, "'culprit'")
    lu.assertStrContains(err, "raised before in this task")
end

function test_scope_checks_its_options()
    run(function()
        lu.assertErrorMsgContains("unknown option", bide.scope, { timout = 1 })
        lu.assertErrorMsgContains("'token'", bide.scope, { token = 1 })
        lu.assertErrorMsgContains("function expected", bide.scope, {}, 1)
    end)
end

support.finish()
