package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local model = require "model"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

-- Spawns n waiters that note their number when they are through.
local function waiters(m, c, n)
    local log, tasks = {}, {}
    for i = 1, n do
        tasks[i] = bide.spawn(function()
            local guard <close> = m:lock()
            c:wait()
            log[#log + 1] = i
        end)
    end
    settle()
    return log, tasks
end

local function notify(m, c, n)
    local guard <close> = m:lock()
    c:notify(n)
end

function test_condition_wait_releases_and_retakes_the_mutex()
    run(function()
        local m = bide.mutex()
        local c = bide.condition(m)
        local owned
        local waiter = bide.spawn(function()
            local guard <close> = m:lock()
            c:wait()
            owned = m:owner() == bide.current()
        end)
        settle()
        eq(m:owner(), nil)
        eq(c:waiters(), 1)
        eq(c:mutex(), m)
        notify(m, c)
        waiter:await()
        eq(owned, true)
    end)
end

function test_condition_notify_wakes_in_fifo_order()
    run(function()
        local m = bide.mutex()
        local c = bide.condition(m)
        local log = waiters(m, c, 3)
        notify(m, c, 1)
        notify(m, c, 2)
        settle()
        eq(log, { 1, 2, 3 })
    end)
end

function test_condition_notify_wakes_as_many_as_asked()
    run(function()
        local m = bide.mutex()
        local c = bide.condition(m)
        local log = waiters(m, c, 5)
        notify(m, c)
        settle()
        eq(log, { 1 })
        notify(m, c, 2)
        settle()
        eq(log, { 1, 2, 3 })
        m:lock()
        c:notify_all()
        m:unlock()
        settle()
        eq(log, { 1, 2, 3, 4, 5 })
    end)
end

function test_condition_wait_without_the_mutex_is_an_error()
    run(function()
        local c = bide.condition(bide.mutex())
        lu.assertErrorMsgContains("ENOTOWNER", c.wait, c)
    end)
end

function test_condition_notify_without_the_mutex_is_an_error()
    run(function()
        local c = bide.condition(bide.mutex())
        lu.assertErrorMsgContains("ENOTOWNER", c.notify, c)
        lu.assertErrorMsgContains("ENOTOWNER", c.notify_all, c)
    end)
end

function test_condition_cancelled_wait_holds_the_mutex()
    run(function()
        local m = bide.mutex()
        local c = bide.condition(m)
        local owned
        local victim = bide.spawn(function()
            local guard <close> = m:lock()
            local ok, err = pcall(c.wait, c)
            owned = not ok and bide.is_cancelled(err)
                and m:owner() == bide.current()
        end)
        settle()
        m:lock()
        victim:cancel()
        settle()
        eq(victim:done(), false)
        m:unlock()
        victim:join()
        eq(owned, true)
        eq(m:owner(), nil)
    end)
end

function test_condition_notified_wait_is_delivered_before_the_cancel()
    run(function()
        local m = bide.mutex()
        local c = bide.condition(m)
        local delivered
        local victim = bide.spawn(function()
            local guard <close> = m:lock()
            c:wait()
            delivered = true
        end)
        settle()
        notify(m, c)
        victim:cancel()
        victim:join()
        eq(delivered, true)
    end)
end

function test_condition_has_a_mutex_of_its_own()
    run(function()
        local c = bide.condition()
        local log = waiters(c:mutex(), c, 1)
        notify(c:mutex(), c)
        settle()
        eq(log, { 1 })
    end)
end

function test_condition_cancel_at_every_park()
    support.cancel_at_every_park(function()
        local m = bide.mutex()
        local c = bide.condition(m)
        local items, got = 0, 0
        local function consume(n)
            return function()
                for _ = 1, n do
                    local guard <close> = m:lock()
                    while items == 0 do
                        c:wait()
                        eq(m:owner(), bide.current())
                    end
                    items = items - 1
                    got = got + 1
                end
            end
        end
        return {
            tasks = {
                consume(3),
                function()
                    for _ = 1, 6 do
                        local guard <close> = m:lock()
                        items = items + 1
                        c:notify()
                        bide.yield_now()
                    end
                end,
            },
            victim = consume(3),
            check = function(outcome)
                if outcome == "done" then
                    eq(got, 6)
                end
                eq(items + got, 6)
                lu.assertTrue(got >= 3)
                eq(m:owner(), nil)
                eq(c:waiters(), 0)
            end,
        }
    end)
end

-- The reference: `owner`, the queue of the mutex (rig.queue, of lock, woken and
-- cancelled waits), and `waiting`, the hands in the condition.
local function unlock(rig)
    local entry = rig.queue[1] and rig:unblock(1)
    rig.owner = entry and entry.hand
    if entry then
        rig:ends(entry.hand, entry.op)
    end
end

local function retake(rig, hand, result)
    if rig.owner then
        rig:blocks(hand, result)
    else
        rig.owner = hand
        rig.blocked[hand] = nil
        rig:ends(hand, result)
    end
end

local function leave_condition(rig, hand)
    for i, other in ipairs(rig.waiting) do
        if other == hand then
            table.remove(rig.waiting, i)
            return true
        end
    end
    return false
end

local function predict_cancel(rig, hand)
    if leave_condition(rig, hand) then
        retake(rig, hand, model.CANCELLED)
        return
    end
    for i, entry in ipairs(rig.queue) do
        if entry.hand == hand and entry.op == "lock" then
            rig:unblock(i)
            rig:ends(hand, model.CANCELLED)
        end -- a wait that was notified, or cancelled before, goes on
    end
end

local function predict_held(rig, hand, op)
    if op == "wait" then
        rig.waiting[#rig.waiting + 1] = hand
        rig.blocked[hand] = true
        unlock(rig)
        return
    end
    rig:ends(hand)
    if op == "unlock" then
        unlock(rig)
    else
        for _ = 1, op == "notify" and 1 or #rig.waiting do
            if rig.waiting[1] then
                retake(rig, table.remove(rig.waiting, 1), "ok")
            end
        end
    end
end

function test_condition_agrees_with_its_model()
    local ops = { "lock", "lock", "unlock", "wait", "wait", "notify",
        "notify_all" }
    model.run {
        make = function(rig)
            rig.waiting = {}
            rig.mutex = bide.mutex()
            return bide.condition(rig.mutex)
        end,
        draw = function(_, rng)
            return ops[rng:below(#ops) + 1]
        end,
        submit = function(c, op, _, rig)
            if op == "lock" then
                rig.mutex:lock()
                return "lock"
            elseif op == "unlock" then
                rig.mutex:unlock()
            else
                c[op](c)
            end
        end,
        predict = function(rig, hand, op)
            if op == "cancel" then
                predict_cancel(rig, hand)
            elseif op == "lock" and rig.owner == hand then
                rig:ends(hand, "EDEADLOCK")
            elseif op == "lock" and rig.owner then
                rig:blocks(hand, "lock")
            elseif op == "lock" then
                rig.owner = hand
                rig:ends(hand, "lock")
            elseif rig.owner ~= hand then
                rig:ends(hand, "ENOTOWNER")
            else
                predict_held(rig, hand, op)
            end
        end,
        compare = function(rig)
            local owner = rig.owner and rig.hands[rig.owner].task
            eq(rig.mutex:owner(), owner)
            eq(rig.object:waiters(), #rig.waiting)
        end,
    }
end

support.finish()
