-- Inside a task plain Lua stays plain Lua: coroutines, protected calls,
-- metamethods, iterators and to-be-closed variables, with awaits in between.
package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local globals = {}
for name in pairs(_G) do
    globals[name] = true
end
local bide = require "bide"
local changed = {}
for name in pairs(_G) do
    if not globals[name] then
        changed[#changed + 1] = name
    end
end
local lu = require "luaunit"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

function test_loading_changes_no_globals()
    eq(changed, {})
    eq(getmetatable("").__index, string)
    eq(require "bide", bide)
    eq(package.loaded.bide, bide)
end

function test_loading_twice_gives_the_same_runtime()
    package.loaded.bide = nil
    local again = require "bide"
    package.loaded.bide = bide
    again.run(function()
        bide.yield_now()
        local m = bide.mutex()
        again.spawn(m.lock, m)
        lu.assertErrorMsgContains("bide.run inside", again.run, print)
    end)
end

-- -- coroutines -----------------------------------------------------------------

function test_user_coroutines_run_inside_tasks()
    run(function()
        local function numbers(n)
            return coroutine.wrap(function()
                for i = 1, n do
                    coroutine.yield(i)
                end
            end)
        end
        local sum = 0
        for i in numbers(10) do
            bide.yield_now()
            sum = sum + i
        end
        eq(sum, 55)
        local co = coroutine.create(function(a)
            local b = coroutine.yield(a + 1)
            error("in coroutine " .. b)
        end)
        eq({ coroutine.resume(co, 1) }, { true, 2 })
        bide.sleep(1)
        local ok, err = coroutine.resume(co, "x")
        eq(ok, false)
        lu.assertStrContains(err, "in coroutine x")
        eq(coroutine.status(co), "dead")
    end)
end

function test_tasks_are_not_the_main_coroutine()
    run(function()
        local co, main = coroutine.running()
        eq(main, false)
        eq(coroutine.isyieldable(), true)
        bide.yield_now()
        eq(coroutine.running(), co)
        eq(coroutine.status(co), "running")
    end)
end

function test_await_in_a_user_coroutine_is_a_clear_error()
    run(function()
        local m = bide.mutex("m")
        for _, wait in ipairs {
            function() bide.sleep(1) end,
            function() bide.yield_now() end,
            function() m:lock() end,
            function() bide.timeout(1, settle) end,
            function() bide.gather(settle) end,
        } do
            local ok, err = pcall(coroutine.wrap(wait))
            eq(ok, false)
            lu.assertStrContains(err, 'plain coroutine of task "main"')
            lu.assertStrContains(err, "bide.wrap")
        end
        eq(m:owner(), nil)
        bide.yield_now()
    end)
end

function test_wrap_passes_awaits_through()
    run(function()
        local log = {}
        local other = bide.spawn(function()
            for _ = 1, 3 do
                log[#log + 1] = "other"
                bide.sleep(1)
            end
        end)
        local gen = bide.wrap(function(a, b)
            eq({ a, b }, { 1, 2 })
            for i = 1, 3 do
                bide.sleep(1)
                eq(coroutine.yield(i, "more"), "back")
            end
            return "end"
        end)
        eq({ gen(1, 2) }, { 1, "more" })
        eq({ gen("back") }, { 2, "more" })
        eq({ gen("back") }, { 3, "more" })
        eq(gen("back"), "end")
        lu.assertErrorMsgContains("dead", gen)
        other:await()
        eq(#log, 3)
    end)
end

function test_wrap_nests_and_unwinds()
    run(function()
        local closed = {}
        local function closing(name)
            return setmetatable({}, { __close = function()
                bide.shield(1, bide.sleep, 0.1)
                closed[#closed + 1] = name
            end })
        end
        local outer = bide.wrap(function()
            local c <close> = closing("outer")
            local inner = bide.wrap(function()
                local d <close> = closing("inner")
                coroutine.yield("up")
                bide.sleep(1000)
            end)
            coroutine.yield(inner())
            inner()
        end)
        eq(outer(), "up")
        eq(bide.timeout(1, outer), nil)
        eq(closed, { "inner", "outer" })
        bide.sleep(1)
    end)
end

function test_wrap_awaits_in_one_task_at_a_time()
    run(function()
        local gen = bide.wrap(function()
            bide.sleep(1)
            return "first"
        end)
        local task = bide.spawn(gen)
        settle()
        lu.assertErrorMsgContains("awaits in another task", gen)
        eq(task:await(), "first")
    end)
end

function test_wrap_works_outside_a_run()
    local gen = bide.wrap(function(...)
        coroutine.yield(select("#", ...))
        error({ "object" })
    end)
    eq(gen(1, 2, 3), 3)
    local ok, err = pcall(gen)
    eq(err, { "object" })
end

function test_resuming_a_task_from_outside_changes_nothing()
    run(function()
        local co
        local got = {}
        local task = bide.spawn(function()
            co = coroutine.running()
            got[1] = bide.now()
            bide.sleep(2)
            got[2] = bide.now() - got[1]
            return "done"
        end)
        settle()
        for _ = 1, 3 do
            eq({ coroutine.resume(co, "stray") }, { true })
        end
        eq(coroutine.status(co), "suspended")
        eq(task:await(), "done")
        lu.assertAlmostEquals(got[2], 2, 1e-6)
        eq(coroutine.status(co), "dead")
        eq(coroutine.resume(co), false)
    end)
end

function test_closing_a_task_from_outside_fails_it()
    run(function()
        local co
        local closed = false
        local task = bide.spawn(function()
            co = coroutine.running()
            local c <close> = setmetatable({}, { __close = function()
                closed = true
            end })
            bide.sleep(1)
        end)
        settle()
        coroutine.close(co)
        local ok, err = task:join()
        eq({ ok, closed }, { false, true })
        lu.assertStrContains(err, "dead coroutine")
    end)
end

function test_coroutine_yield_in_a_task_lets_others_run()
    run(function()
        local order = {}
        bide.spawn(function()
            order[#order + 1] = "other"
        end)
        eq(select("#", coroutine.yield()), 0)
        order[#order + 1] = "main"
        eq(order, { "other", "main" })
        local task = bide.spawn(function()
            coroutine.yield("lost")
        end)
        local ok, err = task:join()
        eq(ok, false)
        lu.assertStrContains(err, "coroutine.yield with values")
    end)
end

function test_cancel_reaches_a_task_in_coroutine_yield()
    run(function()
        local closed = false
        local task = bide.spawn(function()
            local c <close> = setmetatable({}, { __close = function()
                closed = true
            end })
            while true do
                coroutine.yield()
            end
        end)
        settle()
        task:cancel()
        eq(task:join(), false)
        eq(closed, true)
    end)
end

-- -- protected calls ------------------------------------------------------------

function test_protected_calls_await_inside()
    run(function()
        eq({ pcall(function()
            bide.sleep(1)
            return 1, 2
        end) }, { true, 1, 2 })
        local ok, err = pcall(function()
            bide.sleep(1)
            error("after", 0)
        end)
        eq({ ok, err }, { false, "after" })
        ok, err = xpcall(function(x)
            bide.sleep(1)
            error(x, 0)
        end, function(e)
            return "handled " .. e
        end, "it")
        eq({ ok, err }, { false, "handled it" })
        eq(select("#", pcall(pcall)), 2)
    end)
end

function test_error_values_pass_untouched()
    run(function()
        for _, value in ipairs { {}, 1, true, "text" } do
            local task = bide.spawn(function()
                bide.yield_now()
                error(value, 0)
            end)
            local _, err = task:join()
            eq(rawequal(err, value), true)
        end
    end)
end

function test_stack_overflow_is_an_error()
    run(function()
        local function deeper()
            return 1 + deeper()
        end
        local ok, err = bide.spawn(deeper):join()
        eq(ok, false)
        lu.assertStrContains(err, "stack overflow")
        bide.yield_now()
    end)
end

-- -- metamethods and iterators --------------------------------------------------

function test_metamethods_await()
    run(function()
        local function awaiting(value)
            return function()
                bide.sleep(1)
                return value
            end
        end
        local stored
        local object = setmetatable({}, {
            __index = awaiting("indexed"),
            __newindex = function(_, key, value)
                bide.yield_now()
                stored = { key, value }
            end,
            __add = awaiting("added"),
            __eq = awaiting(true),
            __lt = awaiting(true),
            __le = awaiting(false),
            __len = awaiting(7),
            __concat = awaiting("joined"),
            __unm = awaiting("negated"),
            __call = awaiting("called"),
        })
        object.key = "value"
        eq(stored, { "key", "value" })
        eq({ object.x, object + 1, #object, object .. "s", -object, object() },
            { "indexed", "added", 7, "joined", "negated", "called" })
        eq(object == setmetatable({}, getmetatable(object)), true)
        eq(object < object, true)
        eq(object <= object, false)
    end)
end

function test_for_iterators_await_and_close()
    run(function()
        local closed = false
        local function items(n)
            return function(_, i)
                bide.sleep(1)
                if i < n then
                    return i + 1
                end
            end, nil, 0, setmetatable({}, { __close = function()
                bide.sleep(1)
                closed = true
            end })
        end
        local sum = 0
        for i in items(4) do
            sum = sum + i
        end
        eq({ sum, closed }, { 10, true })
        closed = false
        for _ in items(4) do
            break
        end
        eq(closed, true)
        local ok = pcall(function()
            closed = false
            for _ in items(4) do
                error("inside")
            end
        end)
        eq({ ok, closed }, { false, true })
    end)
end

function test_await_below_a_c_function_is_a_clear_error()
    run(function()
        for _, call in ipairs {
            function() table.sort({ 3, 2, 1 }, function() bide.sleep(1) end) end,
            function() string.gsub("abc", ".", function() bide.sleep(1) end) end,
            function() load(function() bide.sleep(1) end) error("load") end,
        } do
            local ok, err = pcall(call)
            eq(ok, false)
            if not err:find("load", 1, true) then
                lu.assertStrContains(err, "C function that cannot yield")
            end
        end
        bide.yield_now()
    end)
end

function test_await_in_a_finalizer_is_an_error()
    run(function()
        local ok, err
        setmetatable({}, { __gc = function()
            ok, err = pcall(bide.yield_now)
        end })
        collectgarbage()
        collectgarbage()
        eq(ok, false)
        lu.assertStrContains(err, "finalizer")
    end)
end

-- -- to-be-closed variables -----------------------------------------------------

local function closing(log, name)
    return setmetatable({}, { __close = function(_, err)
        bide.shield(1, bide.sleep, 0.1)
        log[#log + 1] = name .. (err and " " .. tostring(err) or "")
    end })
end

function test_close_awaits_however_the_block_is_left()
    run(function()
        local log = {}
        local function early()
            local a <close> = closing(log, "return")
            return "kept", 2
        end
        eq({ early() }, { "kept", 2 })
        for i = 1, 2 do
            local b <close> = closing(log, "loop" .. i)
            if i == 2 then
                break
            end
        end
        do
            local c <close> = closing(log, "goto")
            goto out
        end
        ::out::
        pcall(function()
            local d <close> = closing(log, "outer")
            local e <close> = closing(log, "inner")
            error("boom", 0)
        end)
        eq(log, { "return", "loop1", "loop2", "goto", "inner boom",
            "outer boom" })
    end)
end

function test_close_awaits_in_a_task_that_fails_or_is_cancelled()
    run(function()
        local log = {}
        local failing = bide.spawn(function()
            local a <close> = closing(log, "failed")
            error("boom", 0)
        end)
        local cancelled = bide.spawn(function()
            local a <close> = closing(log, "outer")
            local b <close> = closing(log, "inner")
            bide.sleep(1000)
        end)
        settle()
        cancelled:cancel("why")
        eq(failing:join(), false)
        eq(cancelled:join(), false)
        eq(log, { "failed boom", "inner cancelled: why",
            "outer cancelled: why" })
    end)
end

function test_error_in_close_replaces_the_error()
    run(function()
        local ok, err = bide.spawn(function()
            local c <close> = setmetatable({}, { __close = function()
                bide.yield_now()
                error("from close", 0)
            end })
            bide.yield_now()
            error("first", 0)
        end):join()
        eq({ ok, err }, { false, "from close" })
    end)
end

-- -- what the collector may do --------------------------------------------------

function test_tasks_survive_the_collector()
    run(function()
        local e = bide.event()
        local done = 0
        for _ = 1, 100 do
            bide.spawn(function()
                local held = { tostring({}) }
                e:wait()
                done = done + #held
            end)
        end
        settle()
        collectgarbage()
        collectgarbage()
        e:set()
        settle()
        eq(done, 100)
    end)
end

function test_finished_tasks_are_collected()
    run(function()
        local weak = setmetatable({}, { __mode = "k" })
        for _ = 1, 50 do
            weak[bide.spawn(function() end)] = true
            weak[bide.mutex("m")] = true
        end
        settle()
        collectgarbage()
        collectgarbage()
        eq(next(weak), nil)
    end)
end

function test_debug_hooks_reach_tasks()
    local lines = 0
    debug.sethook(function()
        lines = lines + 1
    end, "l")
    run(function()
        bide.yield_now()
        bide.yield_now()
    end)
    debug.sethook()
    lu.assertTrue(lines > 3)
end

function test_exit_inside_a_run_closes_the_state()
    local text, status = support.script [[
        local bide = require "bide"
        local held = setmetatable({}, { __gc = function() print("gc") end })
        bide.run(function()
            local m, e = bide.mutex(), bide.event()
            bide.spawn(function() m:lock() e:wait() end)
            bide.spawn(m.lock, m)
            bide.yield_now()
            os.exit(3, true)
        end)
    ]]
    lu.assertStrMatches(text, "gc\n.*")
    -- What the run held is left to the system; a leak checker says so.
    lu.assertTrue(status == 3 or text:find("LeakSanitizer", 1, true) ~= nil)
end

function test_run_inside_a_coroutine()
    local co = coroutine.wrap(function()
        coroutine.yield(run(function()
            bide.sleep(1)
            return "first"
        end))
        return run(function()
            return "second"
        end)
    end)
    eq(co(), "first")
    eq(co(), "second")
end

support.finish()
