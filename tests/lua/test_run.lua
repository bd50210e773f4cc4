package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local run = support.run
local eq = lu.assertEquals

function test_run_returns_the_main_result()
    eq({ run(function()
        return 1, nil, "three"
    end) }, { 1, nil, "three" })
    eq(select("#", run(function() end)), 0)
    eq(select("#", run(function()
        return nil, nil
    end)), 2)
end

function test_run_raises_the_main_error()
    local ok, err = pcall(run, function()
        local function inner()
            error("boom")
        end
        inner()
    end)
    eq(ok, false)
    lu.assertStrContains(err, "boom")
    lu.assertStrContains(err, "stack traceback:")
    lu.assertStrContains(err, "'inner'")
end

function test_run_passes_error_objects_untouched()
    local object = setmetatable({}, {})
    local ok, err = pcall(run, error, object)
    eq(ok, false)
    ok, err = pcall(run, function()
        error(object)
    end)
    eq(ok, false)
    lu.assertIs(err, object)
    ok, err = pcall(run, function()
        error(nil)
    end)
    eq(ok, false)
    eq(err, nil)
end

function test_run_inside_a_run_is_an_error()
    run(function()
        local ok, err = pcall(bide.run, function() end)
        eq(ok, false)
        lu.assertStrContains(err, "bide.run inside bide.run")
        bide.yield_now()
    end)
end

function test_run_can_be_repeated()
    for i = 1, 3 do
        eq(run(function()
            bide.sleep(1)
            return i
        end), i)
        pcall(run, function()
            error("x")
        end)
    end
end

function test_run_cancels_background_tasks_at_its_end()
    local cleaned = {}
    run(function()
        for i = 1, 2 do
            bide.spawn(function()
                local cleanup <close> = setmetatable({}, {
                    __close = function()
                        local shield <close> = bide.shield()
                        bide.sleep(1)
                        cleaned[i] = true
                    end,
                })
                bide.sleep(1000)
            end)
        end
        bide.yield_now()
    end)
    eq(cleaned, { true, true })
end

function test_run_that_cannot_go_on_is_an_error()
    local ok, err = pcall(run, function()
        local m, e = bide.mutex("cache"), bide.event("never")
        bide.spawn({ name = "worker" }, function()
            m:lock()
            e:wait()
        end)
        bide.yield_now()
        m:lock()
    end)
    eq(ok, false)
    lu.assertStrContains(err, "ESTALLED")
    lu.assertStrContains(err, 'task "main"')
    lu.assertStrContains(err, 'task "worker"')
    lu.assertStrContains(err, 'waits for Mutex "cache" (made at test_run.lua:')
    lu.assertStrContains(err, ': lock, held by task "worker" (test_run.lua:')
    lu.assertStrContains(err, ": wait, for 0.")
    lu.assertStrContains(err, "test_run.lua:94")
    eq(run(function()
        return 1
    end), 1)
end

function test_run_whose_cleanup_cannot_go_on_ends()
    local closed = false
    local ok, err = pcall(run, function()
        local cleanup <close> = setmetatable({}, {
            __close = function()
                closed = true
                local shield <close> = bide.shield()
                bide.event():wait()
            end,
        })
        bide.event():wait()
    end)
    eq(ok, false)
    eq(closed, true)
    lu.assertStrContains(err, "ESTALLED")
end

function test_operation_outside_a_run_is_an_error()
    local m, s = bide.mutex(), bide.semaphore(1)
    for _, call in ipairs {
        function() bide.sleep(1) end,
        function() bide.yield_now() end,
        function() bide.scope() end,
        function() bide.timeout(1) end,
        function() bide.gather(print) end,
        function() bide.spawn(print) end,
        function() bide.now() end,
        function() m:lock() end,
        function() m:try_lock() end,
        function() s:acquire() end,
        function() bide.event():wait() end,
        function() bide.future():await() end,
        function() bide.token { timeout = 1 } end,
    } do
        local ok, err = pcall(call)
        eq(ok, false)
        lu.assertStrContains(err, "bide.run")
    end
    eq(bide.current(), nil)
end

function test_object_moves_to_a_later_run()
    local m, e, s = bide.mutex(), bide.event(), bide.semaphore(1)
    local token = bide.token()
    for _ = 1, 2 do
        run(function()
            local guard <close> = m:lock()
            local permit <close> = s:acquire()
            e:set()
            e:wait()
            bide.spawn({ token = token }, bide.yield_now):await()
        end)
    end
end

function test_run_checks_its_arguments()
    lu.assertErrorMsgContains("function expected, got number", bide.run, 1)
    lu.assertErrorMsgContains("unknown option 'sed'", bide.run, print,
        { sed = 1 })
    lu.assertErrorMsgContains("'seed' must be an integer", bide.run, print,
        { seed = "x" })
    lu.assertErrorMsgContains("'grace'", bide.run, print, { grace = -1 })
    lu.assertErrorMsgContains("table expected", bide.run, print, 7)
end

function test_run_with_a_seed_draws_the_order()
    local function order(seed)
        local log = {}
        run(function()
            for i = 1, 8 do
                bide.spawn(function()
                    log[#log + 1] = i
                end)
            end
            bide.sleep(1)
        end, { seed = seed })
        return table.concat(log)
    end
    eq(order(0), "12345678")
    eq(order(7), order(7))
    local drawn = {}
    for seed = 1, 10 do
        drawn[order(seed)] = true
    end
    lu.assertNotNil(next(drawn, next(drawn)))
end

function test_run_of_a_lazy_future()
    eq(run(bide.async(function(a, b)
        bide.yield_now()
        return a + b
    end)(1, 2)), 3)
end

-- -- Ctrl-C, in processes of their own --------------------------------------

local function interrupted(body)
    return support.script([[
        local bide = require "bide"
        local function interrupt()
            -- not os.execute, under which SIGINT is ignored
            io.popen("kill -INT " .. io.open("/proc/self/stat"):read("n"))
                :close()
        end
    ]] .. body)
end

function test_interrupt_cancels_a_run_that_waits()
    local text, status = interrupted [[
        local ok, err = pcall(bide.run, function()
            local cleanup <close> = setmetatable({}, { __close = function()
                bide.shield(1, bide.sleep, 0.001)
                print("cleaned")
            end })
            bide.spawn(interrupt)
            bide.sleep(1000)
        end)
        print(ok, err)
    ]]
    eq(text, "cleaned\nfalse\tinterrupted!\n")
    eq(status, 0)
end

function test_interrupt_stops_a_busy_task()
    local text, status = interrupted [[
        local ok, err = pcall(bide.run, function()
            interrupt()
            while true do end
        end)
        print(ok, (err:match("interrupted!")))
        print(bide.run(function() bide.yield_now() return "again" end))
    ]]
    eq(text, "false\tinterrupted!\nagain\n")
    eq(status, 0)
end

function test_interrupt_of_a_busy_task_cancels_main_too()
    local text, status = interrupted [[
        bide.on_unhandled(function(message) print((message:match("busy"))) end)
        local ok, err = pcall(bide.run, function()
            bide.spawn({ name = "busy" }, function()
                interrupt()
                while true do end
            end)
            local cleanup <close> = setmetatable({}, { __close = function()
                print("cleaned")
            end })
            bide.sleep(1000)
        end)
        print(ok, err)
    ]]
    eq(text, "cleaned\nbusy\nfalse\tinterrupted!\n")
    eq(status, 0)
end

function test_interrupt_can_be_left_to_the_host()
    local text = interrupted [[
        print(pcall(bide.run, function()
            interrupt()
            for i = 1, 10 do end
            bide.sleep(0)
            return "not reached"
        end, { signals = false }))
    ]]
    eq(text, "false\tinterrupted!\n") -- lua's own hook, after the run
end

support.finish()
