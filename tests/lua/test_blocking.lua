package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, contains = lu.assertEquals, lu.assertStrContains
local settle = support.settle

local function run(fn, options)
    return bide.run(fn, options)
end

function test_blocking_gives_the_result()
    run(function()
        eq({ bide.spawn_blocking(function(a, b)
            return a + b, a .. b, nil, { a }
        end, 3, 4) }, { 7, "34", nil, { 3 } })
        eq(select("#", bide.spawn_blocking(function() end)), 0)
    end)
end

function test_blocking_gives_the_error()
    run(function()
        local ok, err = pcall(bide.spawn_blocking, function()
            local function inner() error("deep down") end
            inner()
        end)
        eq(ok, false)
        contains(err, "test_blocking.lua:")
        contains(err, "deep down")
        contains(err, "'inner'")
        contains(err, "stack traceback:")
        ok, err = pcall(bide.spawn_blocking, function()
            error({ code = 42 })
        end)
        eq({ ok, err }, { false, { code = 42 } })
    end)
end

function test_blocking_leaves_the_loop_running()
    run(function()
        local go, done = bide.channel(1), false
        local task = bide.spawn(function()
            bide.spawn_blocking(function(go) return go:recv() end, go)
            done = true
        end)
        settle(100) -- other tasks run, this one
        eq(done, false)
        go:send(true)
        task:await()
        eq(done, true)
    end)
end

function test_blocking_jobs_run_at_the_same_time()
    run(function()
        local a, b = bide.channel(1), bide.channel(1)
        local function meet(mine, other)
            mine:send(true)
            return other:recv()
        end
        local first = bide.job(meet, a, b)
        local second = bide.job(meet, b, a)
        eq(first:await(), true)
        eq(second:await(), true)
    end)
end

function test_blocking_jobs_start_in_fifo_order()
    run(function()
        local log, jobs = bide.unbounded_channel(), {}
        for i = 1, 10 do
            jobs[i] = bide.job(function(log) log:send(i) end, log)
        end
        for _, job in ipairs(jobs) do
            job:await()
        end
        eq(log:recv_many(20), { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 })
    end, { threads = 1 })
end

function test_blocking_queued_job_is_cancelled()
    run(function()
        local started, go, ran =
            bide.channel(1), bide.channel(1), bide.channel(2)
        local first = bide.job(function(started, go)
            started:send(true)
            return go:recv()
        end, started, go)
        local queued = bide.job(function(ran) ran:send("handle") end, ran)
        local waiter = bide.spawn(function()
            bide.spawn_blocking(function(ran) ran:send("task") end, ran)
        end)
        started:recv()
        settle()
        eq(queued:cancel(), true)
        eq(queued:cancel(), false)
        waiter:cancel()
        eq((waiter:join()), false)
        local ok, err = queued:join()
        eq(ok, false)
        contains(tostring(err), "was cancelled")
        lu.assertFalse(bide.is_cancelled(err))
        lu.assertErrorMsgContains("was cancelled", queued.await, queued)
        go:send("gone")
        eq(first:await(), "gone")
        eq(bide.spawn_blocking(function() return "last" end), "last")
        eq(#ran, 0)
    end, { threads = 1 })
end

function test_blocking_started_job_runs_to_its_end()
    run(function()
        local started, ended = bide.channel(1), bide.channel(1)
        local waiter = bide.spawn(function()
            return bide.spawn_blocking(function(started, ended)
                started:send(true)
                while not bide.cancelled() do
                end
                ended:try_send("to its end")
                return "dropped"
            end, started, ended)
        end)
        started:recv()
        waiter:cancel()
        eq((waiter:join()), false)
        eq(ended:recv(), "to its end")
    end)
end

function test_blocking_shutdown_names_stuck_jobs()
    local text, status = support.script [[
        local bide = require "bide"
        bide.run(function()
            local started = bide.channel(1)
            bide.job({name = "the stuck one"}, function(started)
                started:send(true)
                local from = os.clock()
                while os.clock() - from < 0.3 do end
            end, started)
            started:recv()
        end, {grace = 0.001})
        print("over")
    ]]
    contains(text, "the stuck one")
    contains(text, "over")
    eq(status, 0)
end

function test_thread_of_its_own_feeds_a_channel()
    run(function()
        local ch = bide.channel(2)
        local thread = bide.spawn_thread({ name = "feeder" }, function(ch, n)
            for i = 1, n do
                ch:send(i)
            end
            ch:close()
            return n
        end, ch, 100)
        eq(thread:name(), "feeder")
        local sum = 0
        for v in ch do
            sum = sum + v
        end
        eq(sum, 5050)
        eq(thread:await(), 100)
        eq(thread:done(), true)
    end)
end

-- -- Lua's own -------------------------------------------------------------

function test_blocking_takes_names_of_functions()
    run(function()
        eq(bide.spawn_blocking("string.rep", "ab", 3), "ababab")
        lu.assertErrorMsgContains("names no function", bide.spawn_blocking,
            "nodots")
        lu.assertErrorMsgContains("has no function 'nothing'",
            bide.spawn_blocking, "string.nothing")
        lu.assertErrorMsgContains("module 'no.such' not found",
            bide.spawn_blocking, "no.such.fn")
    end)
end

function test_blocking_finds_the_modules_of_its_parent()
    local path = package.path
    package.path = "/nowhere/at/all/?.lua;" .. path
    run(function()
        local there = bide.spawn_blocking(function()
            return package.path
        end)
        eq(there, package.path)
    end)
    package.path = path
end

function test_blocking_checks_its_arguments()
    run(function()
        lu.assertErrorMsgContains("function", bide.spawn_blocking)
        lu.assertErrorMsgContains("function", bide.spawn_blocking, 42)
        lu.assertErrorMsgContains("unknown option 'nmae'", bide.job,
            { nmae = "x" }, function() end)
    end)
end

function test_blocking_outside_a_run_says_what_to_do()
    lu.assertErrorMsgContains("bide.run", bide.spawn_blocking,
        function() end)
    lu.assertErrorMsgContains("bide.run", bide.spawn_thread, function() end)
end

function test_blocking_globals_are_fresh_for_each_job()
    run(function()
        for _ = 1, 3 do
            eq(bide.spawn_blocking(function()
                local before = counter
                counter = 1
                return before
            end), nil)
        end
        eq(bide.spawn_blocking(function() return print ~= nil end), true)
    end, { threads = 1 })
end

function test_blocking_modules_stay_loaded()
    run(function()
        local function load()
            package.preload.once_only = function()
                return { n = 0 }
            end
            local module = require "once_only"
            module.n = module.n + 1
            return module.n
        end
        eq(bide.spawn_blocking(load), 1)
        eq(bide.spawn_blocking(load), 2)
    end, { threads = 1 })
end

function test_blocking_runs_bide_inside()
    run(function()
        eq(bide.spawn_blocking(function()
            local bide = require "bide"
            return bide.run(function()
                local ch = bide.channel(1)
                local task = bide.spawn(function() return ch:recv() end)
                ch:send("inner")
                bide.sleep(0.001)
                return task:await() .. bide.spawn_blocking(function()
                    return " innermost"
                end)
            end)
        end), "inner innermost")
    end)
end

function test_blocking_job_can_be_asked_twice()
    run(function()
        local job = bide.job(function() return { 1 } end)
        eq({ job:join() }, { true, { 1 } })
        eq(job:await(), { 1 })
        eq(job:cancel(), false)
        local a, b = bide.gather(function() return job:await()[1] end,
            function() return job:await()[1] end)
        eq({ a, b }, { 1, 1 })
    end)
end

function test_blocking_await_cancelled_leaves_the_job_alone()
    run(function()
        local go = bide.channel(1)
        local job = bide.job(function(go) return go:recv() end, go)
        local waiter = bide.spawn(function() job:await() end)
        settle()
        waiter:cancel()
        eq((waiter:join()), false)
        go:send("still here")
        eq(job:await(), "still here")
    end)
end

function test_blocking_is_cancelled_by_a_timeout()
    run(function()
        local ended = bide.channel(1)
        local result, why = bide.timeout(0.01, bide.spawn_blocking,
            function(ended)
                while not bide.cancelled() do
                end
                ended:try_send(true)
            end, ended)
        eq({ result, why }, { nil, "timeout" })
        eq(ended:recv(), true)
    end)
end

function test_blocking_failure_nobody_looked_at_is_reported()
    local reports = {}
    local before = bide.on_unhandled(function(message)
        reports[#reports + 1] = message
    end)
    run(function()
        bide.job({ name = "forgotten" }, function() error("oh no") end)
        local looked = bide.job(function() error("seen") end)
        looked:join()
    end)
    collectgarbage()
    collectgarbage()
    bide.on_unhandled(before)
    eq(#reports, 1)
    contains(reports[1], "job 'forgotten' failed")
    contains(reports[1], "oh no")
end

function test_blocking_failure_without_a_handle_is_reported()
    local reports = {}
    local before = bide.on_unhandled(function(message)
        reports[#reports + 1] = message
    end)
    run(function()
        local go = bide.channel(1)
        bide.job({ name = "dropped" }, function(go)
            go:recv()
            error("with nobody there")
        end, go)
        collectgarbage()
        collectgarbage()
        go:send(true)
        while #reports == 0 do
            bide.spawn_blocking(function() end)
        end
    end)
    bide.on_unhandled(before)
    eq(#reports, 1)
    contains(reports[1], "job 'dropped' failed")
    contains(reports[1], "with nobody there")
end

function test_blocking_end_of_run_frees_waiting_threads()
    run(function()
        local ch, ready = bide.channel(1), bide.channel(1)
        bide.spawn_thread(function(ch, ready)
            ready:send(true)
            ch:recv()
        end, ch, ready)
        ready:recv()
    end, { grace = 60 })
end

function test_blocking_cancelled_tells_in_a_task_too()
    run(function()
        eq(bide.cancelled(), false)
        local seen
        local task = bide.spawn(function()
            pcall(bide.sleep, 100)
            seen = bide.cancelled()
        end)
        settle()
        task:cancel()
        task:join()
        eq(seen, true)
    end)
end

function test_blocking_many_at_once()
    run(function()
        local parts = {}
        for i = 1, 200 do
            parts[i] = function()
                return bide.spawn_blocking(function(n) return { n * n } end,
                    i)
            end
        end
        for i, result in ipairs(bide.gather(parts)) do
            eq(result[1], i * i)
        end
    end, { threads = 4 })
end

-- Wherever the cancellation strikes, the other jobs get through, and those of
-- the victim either ran or did not.
function test_blocking_cancelled_at_any_time()
    for k = 0, 30 do
        run(function()
            local ran = bide.unbounded_channel()
            local other = bide.spawn(function()
                local sum = 0
                for i = 1, 3 do
                    sum = sum + bide.spawn_blocking(function(n)
                        return n
                    end, i)
                end
                return sum
            end)
            local victim = bide.spawn(function()
                for i = 1, 3 do
                    bide.spawn_blocking(function(ran)
                        ran:try_send(i)
                    end, ran)
                end
            end)
            settle(k)
            victim:cancel()
            victim:join()
            eq(other:await(), 6)
            local n = 0
            for v in ran.try_recv, ran do
                n = n + 1
                eq(v, n)
            end
            lu.assertTrue(n <= 3)
        end, { threads = 1 })
    end
end

support.finish()
