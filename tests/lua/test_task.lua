package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

-- Calls fn with the reports of a handler collected; returns them.
local function reports_of(fn)
    local reports = {}
    local before = bide.on_unhandled(function(message, err, traceback, whose)
        reports[#reports + 1] = { message, err, traceback, whose }
    end)
    fn(reports)
    bide.on_unhandled(before)
    return reports
end

function test_spawn_does_not_run_the_task_at_once()
    run(function()
        local ran = false
        local task = bide.spawn(function()
            ran = true
        end)
        eq(ran, false)
        eq(task:status(), "ready")
        bide.yield_now()
        eq(ran, true)
        eq(task:status(), "done")
    end)
end

function test_spawn_passes_its_arguments()
    run(function()
        local function echo(...)
            return select("#", ...), ...
        end
        eq({ bide.spawn(echo, 1, nil, 3, nil):await() }, { 4, 1, nil, 3, nil })
        eq({ bide.spawn({ name = "n" }, echo, 7):await() }, { 1, 7 })
        local callable = setmetatable({}, { __call = function(_, x)
            return x
        end })
        eq(bide.spawn(callable, 5):await(), 5)
    end)
end

function test_spawn_checks_its_arguments()
    run(function()
        lu.assertErrorMsgContains("a function", bide.spawn, 1)
        lu.assertErrorMsgContains("a function", bide.spawn)
        lu.assertErrorMsgContains("unknown option 'nam'", bide.spawn,
            { nam = 1 }, print)
        lu.assertErrorMsgContains("'token' must be", bide.spawn,
            { token = 1 }, print)
        lu.assertErrorMsgContains("'name' must be a string", bide.spawn,
            { name = {} }, print)
    end)
end

function test_ready_tasks_run_in_fifo_order()
    run(function()
        local order = {}
        for i = 1, 5 do
            bide.spawn(function()
                order[#order + 1] = i
                bide.yield_now()
                order[#order + 1] = i
            end)
        end
        settle()
        eq(order, { 1, 2, 3, 4, 5, 1, 2, 3, 4, 5 })
    end)
end

function test_yield_lets_the_others_run_first()
    run(function()
        local order = {}
        bide.spawn(function()
            order[1] = "other"
        end)
        bide.yield_now()
        order[#order + 1] = "main"
        eq(order, { "other", "main" })
    end)
end

function test_always_ready_task_does_not_starve_others()
    run(function()
        local m = bide.mutex()
        local stop = false
        bide.spawn(function()
            stop = true
        end)
        local turns = 0
        while not stop do
            m:lock()
            m:unlock()
            turns = turns + 1
            lu.assertTrue(turns < 1000000)
        end
        lu.assertTrue(turns > 1)
    end)
end

function test_join_returns_the_result()
    run(function()
        local task = bide.spawn(function()
            bide.sleep(1)
            return 1, 2
        end)
        eq({ task:await() }, { 1, 2 })
        eq({ task:join() }, { true, 1, 2 })
    end)
end

function test_join_raises_the_error()
    run(function()
        local object = {}
        local task = bide.spawn(function()
            bide.yield_now()
            error(object)
        end)
        local ok, err = pcall(task.await, task)
        eq(ok, false)
        lu.assertIs(err, object)
        ok, err = task:join()
        eq(ok, false)
        lu.assertIs(err, object)
        eq(task:status(), "failed")
        lu.assertStrContains(task:traceback(), "test_task.lua")
    end)
end

function test_join_of_a_done_task_does_not_wait()
    local task
    run(function()
        task = bide.spawn(function()
            return "kept"
        end)
        settle()
        local other = false
        bide.spawn(function()
            other = true
        end)
        eq(task:await(), "kept")
        eq(other, false)
    end)
    eq(task:await(), "kept")
    eq(task:done(), true)
end

function test_join_wakes_every_joiner()
    run(function()
        local order = {}
        local task = bide.spawn(bide.sleep, 1)
        for i = 1, 3 do
            bide.spawn(function()
                task:await()
                order[#order + 1] = i
            end)
        end
        task:await()
        settle()
        eq(order, { 1, 2, 3 })
    end)
end

function test_join_cancelled_leaves_the_task_alone()
    run(function()
        local task = bide.spawn(function()
            bide.sleep(1)
            return "unharmed"
        end)
        local joiner = bide.spawn(task.await, task)
        settle()
        joiner:cancel()
        eq(joiner:join(), false)
        eq(task:await(), "unharmed")
    end)
end

function test_join_of_itself_is_a_deadlock_error()
    run(function()
        local me = bide.current()
        lu.assertErrorMsgContains("EDEADLOCK", me.await, me)
    end)
end

function test_task_cancel_ends_its_wait()
    run(function()
        local waits = {
            function() bide.sleep(1000) end,
            function() bide.event():wait() end,
            function() bide.future():await() end,
            function() bide.semaphore(0):acquire() end,
            function() bide.barrier(2):wait() end,
            function() bide.current():await() end,
            function() bide.spawn(bide.sleep, 1000):await() end,
        }
        for _, wait in ipairs(waits) do
            local seen
            local task = bide.spawn(function()
                local ok, err = pcall(wait)
                seen = err
                error(err, 0)
            end)
            settle()
            if not task:done() then
                eq(task:status(), "parked")
                eq(task:cancel("enough"), true)
                local ok, err = task:join()
                eq(ok, false)
                eq(tostring(err), "cancelled: enough")
                eq(err.reason, "enough")
                eq(err.timeout, false)
                eq(task:status(), "cancelled")
                eq(task:cancel(), false)
                lu.assertIs(seen, err)
            else
                lu.assertStrContains(seen, "EDEADLOCK")
                eq(task:join(), false)
            end
        end
    end)
end

function test_task_cancelled_before_it_ran_ends_cancelled()
    run(function()
        local passed = false
        local task = bide.spawn(function()
            bide.yield_now()
            passed = true
        end)
        task:cancel()
        eq(task:join(), false)
        eq(passed, false)
        eq(task:status(), "cancelled")
    end)
end

function test_task_has_its_name()
    run(function()
        local task = bide.spawn({ name = "worker" }, bide.sleep, 1)
        eq(task:name(), "worker")
        eq(tostring(task), 'task "worker": ready')
        eq(bide.current():name(), "main")
        lu.assertStrMatches(tostring(bide.spawn(settle)), "task%-%d+: ready")
    end)
end

function test_await_of_a_cancelled_task_is_an_ordinary_error()
    run(function()
        local task = bide.spawn(bide.sleep, 1000)
        settle()
        task:cancel()
        local ok, err = pcall(task.await, task)
        eq(ok, false)
        eq(tostring(err), "cancelled")
        eq(bide.is_cancelled(err), false)
        bide.yield_now()
    end)
end

function test_task_failure_nobody_looked_at_is_reported()
    local reports = reports_of(function(reports)
        run(function()
            bide.spawn({ name = "lost" }, function()
                error("unseen")
            end)
            bide.spawn(function()
                error("seen")
            end):join()
            bide.spawn(bide.sleep, 1000) -- cancelled: no failure
            settle()
        end)
        eq(#reports, 1)
    end)
    local message, err, traceback, whose = table.unpack(reports[1])
    lu.assertStrContains(message, "unseen")
    lu.assertStrContains(err, "test_task.lua")
    lu.assertStrContains(traceback, "stack traceback:")
    lu.assertStrContains(whose, 'task "lost" (spawned at ')
end

function test_task_failure_is_reported_when_it_is_collected()
    run(function()
        local reports = reports_of(function(reports)
            bide.spawn(error, "unseen")
            settle()
            for _ = 1, 3 do
                collectgarbage()
            end
            eq(#reports, 1)
        end)
        lu.assertStrContains(reports[1][1], "unseen")
    end)
end

function test_task_failure_is_reported_while_the_program_idles()
    bide.run(function()
        local seen = bide.event()
        local before = bide.on_unhandled(function()
            seen:set()
        end)
        bide.spawn(error, "unseen")
        bide.timeout(10, seen.wait, seen)
        eq(seen:is_set(), true)
        bide.on_unhandled(before)
    end)
end

function test_task_failure_is_reported_to_stderr_by_default()
    local text = support.script [[
        local bide = require "bide"
        bide.run(function()
            bide.spawn({ name = "lost" }, function() error("unseen") end)
            bide.yield_now()
        end)
    ]]
    lu.assertStrContains(text, 'bide: task "lost" (spawned at ')
    lu.assertStrContains(text, "unseen")
    lu.assertStrContains(text, "stack traceback:")
end

function test_traceback_goes_through_awaits()
    local ok, err = pcall(run, function()
        local function failing_child()
            error("deep")
        end
        local function middle()
            bide.spawn({ name = "inner" }, failing_child):await()
        end
        bide.spawn({ name = "outer" }, middle):await()
    end)
    eq(ok, false)
    lu.assertStrContains(err, "deep")
    lu.assertStrContains(err, 'task "inner"')
    lu.assertStrContains(err, 'task "outer"')
end

function test_race_gives_the_first_and_drops_the_others()
    run(function()
        local s = bide.semaphore(0)
        local cleaned = 0
        local function slow()
            local cleanup <close> = setmetatable({}, { __close = function()
                cleaned = cleaned + 1
            end })
            s:acquire()
        end
        eq({ bide.race(slow, function()
            bide.sleep(1)
            return "fast", 2
        end, slow) }, { "fast", 2 })
        eq(cleaned, 2)
        s:release()
        eq(s:permits(), 1)
        eq(bide.race { settle, function() return "list" end }, "list")
    end)
end

function test_race_decided_at_once_does_not_wait()
    run(function()
        local before = bide.now()
        eq(bide.race(function()
            bide.sleep(1)
        end, function()
            return "now"
        end), "now")
        eq(bide.now(), before)
        lu.assertErrorMsgContains("nothing to race", bide.race)
    end)
end

function test_race_won_by_an_error_raises_it()
    run(function()
        lu.assertErrorMsgContains("lost", bide.race, function()
            bide.sleep(1)
        end, function()
            error("lost")
        end)
    end)
end

function test_gather_keeps_the_order_of_its_arguments()
    run(function()
        local function after(s, ...)
            local results = table.pack(...)
            return function()
                bide.sleep(s)
                return table.unpack(results, 1, results.n)
            end
        end
        local task = bide.spawn(after(2, "task"))
        local future = bide.future()
        local lazy = bide.async(after(1, "lazy"))()
        bide.spawn(function()
            future:set("future")
        end)
        eq({ bide.gather(after(3, "a", "dropped"), after(1), task, future,
            lazy) }, { "a", nil, "task", "future", "lazy" })
        eq(bide.gather { after(2, 1), after(1, 2) }, { 1, 2 })
        eq({ bide.gather() }, {})
        eq(bide.gather(bide.job(function()
            return "job"
        end)), "job")
        lu.assertErrorMsgContains("part 2", bide.gather, settle, 1)
    end)
end

function test_gather_cancels_the_others_on_an_error()
    run(function()
        local cancelled = false
        lu.assertErrorMsgContains("first", bide.gather, function()
            local ok, err = pcall(bide.sleep, 1000)
            cancelled = bide.is_cancelled(err)
            error(err)
        end, function()
            bide.sleep(1)
            error("first")
        end)
        eq(cancelled, true)
        eq(bide.now(), bide.now())
    end)
end

function test_async_function_runs_nothing_until_awaited()
    run(function()
        local ran = 0
        local work = bide.async(function(...)
            ran = ran + 1
            bide.yield_now()
            return ...
        end)
        local lazy = work(1, nil, 3)
        settle()
        eq(ran, 0)
        eq(lazy:used(), false)
        eq({ lazy:await() }, { 1, nil, 3 })
        eq(ran, 1)
        eq(lazy:used(), true)
        lu.assertErrorMsgContains("runs once", lazy.await, lazy)
        eq(work("s"):spawn():await(), "s")
        eq(bide.spawn(work("t")):await(), "t")
    end)
end

function test_async_future_never_awaited_is_reported()
    local seen = {}
    local before = bide.on_unawaited(function(message, site)
        seen = { message, site }
    end)
    bide.async(print)("never")
    for _ = 1, 3 do
        collectgarbage()
    end
    bide.on_unawaited(before)
    lu.assertStrContains(seen[1], "never awaited")
    lu.assertStrMatches(seen[2], ".*test_task.lua:%d+")
end

support.finish()
