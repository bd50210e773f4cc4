package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local run = support.run
local has = lu.assertStrContains

function test_cycle_of_any_length_is_an_error()
    local refused = {}
    run(function()
        local tasks, n = {}, 10000
        for i = 1, n do
            tasks[i] = bide.spawn({ name = "t" .. i }, function()
                local ok, err = pcall(tasks[i % n + 1].join, tasks[i % n + 1])
                if not ok then refused[#refused + 1] = err end
            end)
        end
        tasks[1]:join()
    end)
    lu.assertEquals(#refused, 1)
    lu.assertEquals(select(2, refused[1]:gsub("waits for task", "")), 10000)
end

-- Holders of a permit want a lock whose holder wants a permit.
local function cross(permits, holders, sleeper)
    return run(function()
        local gate = bide.semaphore(permits, "gate")
        local ledger = bide.mutex "ledger"
        local g <close> = bide.scope()
        for _ = 1, holders do
            g:spawn({ name = "holder" }, function()
                local permit <close> = gate:hold()
                bide.yield_now()
                local guard <close> = ledger:lock()
            end)
        end
        if sleeper then
            g:spawn(function()
                local permit <close> = gate:hold()
                bide.sleep(1)
            end)
        end
        local closer = g:spawn({ name = "closer" }, function()
            local guard <close> = ledger:lock()
            while ledger:waiters() < holders do bide.yield_now() end
            local ok, permit = pcall(gate.hold, gate)
            if not ok then return permit end
            permit:release()
            return "passed"
        end)
        return closer:await()
    end)
end

function test_cycle_through_a_semaphore_is_an_error()
    local text = cross(1, 1)
    has(text, 'task "closer" (test_deadlock.lua:')
    has(text, 'waits for Semaphore "gate" (made at test_deadlock.lua:')
    has(text, 'held by task "holder"')
    has(text, 'which waits for Mutex "ledger"')
end

function test_cycle_through_all_holders_of_a_semaphore_is_an_error()
    has(cross(2, 2), 'Semaphore "gate"')
end

function test_semaphore_with_a_live_holder_is_no_cycle()
    lu.assertEquals(cross(2, 1, true), "passed")
end

function test_semaphore_released_by_others_is_no_cycle()
    run(function()
        local gate = bide.semaphore(1)
        for _ = 1, 5 do
            local permit = gate:acquire()
            bide.spawn(function() permit:release() end)
        end
    end)
end

function test_semaphore_of_an_ended_holder_is_broken()
    run(function()
        local gate = bide.semaphore(1, "gate")
        bide.spawn({ name = "careless" }, function()
            gate:hold()
            bide.yield_now()
        end)
        local task = bide.spawn(function() gate:hold() end)
        local ok, err = task:join()
        lu.assertFalse(ok)
        has(err, 'task "careless" ended while it held it')
        lu.assertErrorMsgContains("EBROKEN", gate.try_acquire, gate)
        gate:reset()
        gate:hold():release()
        lu.assertEquals(gate:permits(), 1)
    end)
end

function test_read_lock_behind_a_writer_that_waits_for_it_is_an_error()
    run(function()
        local rw = bide.rwlock "table"
        local guard = rw:read()
        lu.assertErrorMsgContains("EDEADLOCK", rw.write, rw)
        local writer = bide.spawn({ name = "writer" }, function()
            rw:write():unlock()
        end)
        while rw:waiters() == 0 do bide.yield_now() end
        lu.assertErrorMsgContains('behind task "writer"', rw.read, rw)
        guard:unlock()
        writer:await()
    end)
end

function test_group_whose_task_waits_for_the_leaver_is_an_error()
    for _, late in ipairs { false, true } do
        run(function()
            local ledger = bide.mutex "ledger"
            local guard <close> = ledger:lock()
            local ok, err = pcall(function()
                local g <close> = bide.scope()
                g:spawn({ name = "child" }, function() ledger:lock() end)
                while not late and ledger:waiters() == 0 do
                    bide.yield_now()
                end
            end)
            lu.assertFalse(ok)
            has(err, 'held by task "main"')
            has(err, 'waits for its TaskGroup, where task "child"')
        end)
    end
end

support.finish()
