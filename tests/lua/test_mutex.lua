package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local model = require "model"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

function test_mutex_excludes_the_others()
    run(function()
        local m = bide.mutex()
        local inside, most = 0, 0
        do
            local g <close> = bide.scope()
            for _ = 1, 5 do
                g:spawn(function()
                    for _ = 1, 3 do
                        local guard <close> = m:lock()
                        inside = inside + 1
                        most = math.max(most, inside)
                        bide.sleep(0.01)
                        inside = inside - 1
                    end
                end)
            end
        end
        eq(most, 1)
        eq(m:owner(), nil)
    end)
end

function test_mutex_hands_over_in_fifo_order()
    run(function()
        local m = bide.mutex()
        local order = {}
        m:lock()
        for i = 1, 4 do
            bide.spawn(function()
                local guard <close> = m:lock()
                order[#order + 1] = i
            end)
        end
        settle()
        eq(m:waiters(), 4)
        m:unlock()
        settle()
        eq(order, { 1, 2, 3, 4 })
    end)
end

function test_mutex_is_not_barged()
    run(function()
        local m = bide.mutex()
        local order = {}
        m:lock()
        bide.spawn(function()
            m:lock()
            order[#order + 1] = "waiter"
            m:unlock()
        end)
        settle()
        m:unlock()
        m:lock()
        order[#order + 1] = "barger"
        m:unlock()
        eq(order, { "waiter", "barger" })
    end)
end

function test_mutex_try_lock_never_waits()
    run(function()
        local m = bide.mutex()
        eq(m:try_lock(), m)
        bide.spawn(function()
            eq(m:try_lock(), false)
        end):await()
        m:unlock()
        eq(m:locked(), false)
    end)
end

function test_mutex_lock_by_its_holder_is_a_deadlock_error()
    run(function()
        local m = bide.mutex("cache")
        m:lock()
        local ok, err = pcall(m.lock, m)
        eq(ok, false)
        lu.assertStrContains(err, "EDEADLOCK")
        lu.assertStrContains(err, "mutex:lock")
        eq(m:owner(), bide.current())
        m:unlock()
    end)
end

function test_mutex_cycle_is_named_when_it_closes()
    run(function()
        local a, b = bide.mutex("ledger"), bide.mutex("journal")
        local other = bide.spawn({ name = "pay" }, function()
            local first <close> = a:lock()
            settle()
            local second <close> = b:lock()
        end)
        local first <close> = b:lock()
        bide.yield_now()
        settle()
        local ok, err = pcall(a.lock, a)
        eq(ok, false)
        for _, part in ipairs { "EDEADLOCK", 'task "main"', 'Mutex "ledger"',
            'held by task "pay"', 'Mutex "journal"' } do
            lu.assertStrContains(err, part)
        end
        first:unlock()
        other:await()
    end)
end

function test_mutex_unlock_by_another_task_is_an_error()
    run(function()
        local m = bide.mutex()
        m:lock()
        local ok, err = bide.spawn(m.unlock, m):join()
        eq(ok, false)
        lu.assertStrContains(err, "ENOTOWNER")
        eq(m:owner(), bide.current())
        m:unlock()
    end)
end

function test_mutex_cancelled_waiter_never_held_it()
    run(function()
        local m = bide.mutex()
        m:lock()
        local victim = bide.spawn(m.lock, m)
        local next_one = bide.spawn(function()
            local guard <close> = m:lock()
            return "held"
        end)
        settle()
        victim:cancel()
        m:unlock()
        eq(next_one:await(), "held")
        eq(victim:join(), false)
        eq(victim:status(), "cancelled")
    end)
end

function test_mutex_handed_over_is_delivered_before_the_cancel()
    run(function()
        local m = bide.mutex()
        local held
        m:lock()
        local victim = bide.spawn(function()
            m:lock()
            held = m:owner() == bide.current()
            m:unlock()
            bide.yield_now()
            held = "too far"
        end)
        settle()
        m:unlock()
        victim:cancel()
        victim:join()
        eq(held, true)
        eq(m:owner(), nil)
    end)
end

function test_mutex_of_an_ended_task_is_broken()
    run(function()
        local m = bide.mutex("cache")
        local waiter
        bide.spawn({ name = "careless" }, function()
            m:lock()
            waiter = bide.spawn(m.lock, m)
            settle()
        end):await()
        local ok, err = waiter:join()
        eq(ok, false)
        lu.assertStrContains(err, "careless")
        ok, err = pcall(m.lock, m)
        eq(ok, false)
        lu.assertStrContains(err, "EBROKEN")
        m:reset()
        m:lock()
        m:unlock()
    end)
end

function test_mutex_guard_unlocks_on_an_error()
    run(function()
        local m = bide.mutex()
        local ok = pcall(function()
            local guard <close> = m:lock()
            error("inside")
        end)
        eq(ok, false)
        eq(m:owner(), nil)
    end)
end

function test_mutex_guard_unlocked_by_hand_does_nothing()
    run(function()
        local m = bide.mutex()
        do
            local guard <close> = m:lock()
            guard:unlock()
            bide.spawn(m.lock, m)
            settle()
        end
        lu.assertNotNil(m:owner() == nil)
    end)
end

function test_mutex_race_loser_does_not_hold_it()
    run(function()
        local m = bide.mutex()
        m:lock()
        local won = bide.race(function()
            m:lock()
            return "lock"
        end, function()
            bide.sleep(1)
            return "sleep"
        end)
        eq(won, "sleep")
        eq(m:waiters(), 0)
        m:unlock()
        eq(m:owner(), nil)
    end)
end

function test_mutex_has_its_name()
    run(function()
        eq(bide.mutex("a"):name(), "a")
        eq(bide.mutex({ name = "b" }):name(), "b")
        eq(tostring(bide.mutex("a")), "bide.mutex 'a'")
        eq(bide.mutex():name(), nil)
        lu.assertErrorMsgContains("string", bide.mutex, { name = 1 })
    end)
end

function test_mutex_cancel_at_every_park()
    support.cancel_at_every_park(function()
        local m = bide.mutex()
        local inside, through = 0, 0
        local function rounds()
            for _ = 1, 3 do
                local guard <close> = m:lock()
                inside = inside + 1
                eq(inside, 1)
                local ok, err = pcall(bide.yield_now)
                inside = inside - 1
                if not ok then
                    error(err, 0)
                end
                through = through + 1
            end
        end
        return {
            tasks = { rounds, rounds },
            victim = rounds,
            check = function(outcome)
                lu.assertTrue(through >= 6)
                if outcome == "done" then
                    eq(through, 9)
                end
                eq(inside, 0)
                eq(m:waiters(), 0)
                eq(m:owner(), nil)
            end,
        }
    end)
end

function test_mutex_agrees_with_its_model()
    model.run {
        make = function()
            return bide.mutex()
        end,
        draw = function(_, rng)
            return ({ "lock", "try", "unlock" })[rng:below(3) + 1]
        end,
        submit = function(m, op)
            if op == "lock" then
                m:lock()
            elseif op == "try" then
                return m:try_lock() and "ok" or "no"
            else
                m:unlock()
            end
        end,
        predict = function(rig, hand, op)
            if op == "cancel" then
                rig:unblock_hand(hand)
                rig:ends(hand, model.CANCELLED)
            elseif op == "unlock" and rig.owner ~= hand then
                rig:ends(hand, "ENOTOWNER")
            elseif op == "unlock" then
                rig:ends(hand)
                rig.owner = rig.queue[1] and rig:unblock(1).hand
                if rig.owner then
                    rig:ends(rig.owner)
                end
            elseif not rig.owner then
                rig.owner = hand
                rig:ends(hand)
            elseif op == "try" then
                rig:ends(hand, "no")
            elseif rig.owner == hand then
                rig:ends(hand, "EDEADLOCK")
            else
                rig:blocks(hand, op)
            end
        end,
        compare = function(rig)
            local owner = rig.owner and rig.hands[rig.owner].task
            eq(rig.object:owner(), owner)
            eq(rig.object:waiters(), #rig.queue)
        end,
    }
end

support.finish()
