package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local model = require "model"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

function test_semaphore_limits_its_holders()
    run(function()
        local s = bide.semaphore(2)
        local inside, most = 0, 0
        do
            local g <close> = bide.scope()
            for _ = 1, 6 do
                g:spawn(function()
                    local permit <close> = s:acquire()
                    inside = inside + 1
                    most = math.max(most, inside)
                    bide.sleep(0.01)
                    inside = inside - 1
                end)
            end
        end
        eq(most, 2)
        eq(s:permits(), 2)
    end)
end

function test_semaphore_hands_over_in_fifo_order()
    run(function()
        local s = bide.semaphore(0)
        local order = {}
        for i = 1, 4 do
            bide.spawn(function()
                s:acquire()
                order[#order + 1] = i
            end)
        end
        settle()
        eq(s:waiters(), 4)
        s:release(4)
        settle()
        eq(order, { 1, 2, 3, 4 })
    end)
end

function test_semaphore_large_request_is_not_overtaken()
    run(function()
        local s = bide.semaphore(1)
        local order = {}
        local function take(n)
            return bide.spawn(function()
                s:acquire(n)
                order[#order + 1] = n
            end)
        end
        take(3)
        settle()
        take(1)
        settle()
        eq(order, {})
        s:release(2)
        settle()
        eq(order, { 3 })
        s:release()
        settle()
        eq(order, { 3, 1 })
    end)
end

function test_semaphore_try_acquire_never_waits()
    run(function()
        local s = bide.semaphore(2)
        lu.assertNotIsFalse(s:try_acquire(2))
        eq(s:try_acquire(), false)
        bide.spawn(s.acquire, s, 2)
        settle()
        s:release()
        eq(s:permits(), 1)
        eq(s:try_acquire(), false)
    end)
end

function test_semaphore_release_above_its_bound_is_an_error()
    run(function()
        local s = bide.semaphore(2, { bounded = true })
        lu.assertErrorMsgContains("EOVERFLOW", s.release, s)
        eq(s:permits(), 2)
    end)
end

function test_semaphore_impossible_request_is_an_error()
    run(function()
        local s = bide.semaphore(2, { bounded = true })
        lu.assertErrorMsgContains("EINVALID", s.acquire, s, 3)
        lu.assertErrorMsgContains("at least 1", s.acquire, s, 0)
        lu.assertErrorMsgContains("permits", bide.semaphore, -1)
    end)
end

function test_semaphore_cancelled_waiter_took_nothing()
    run(function()
        local s = bide.semaphore(0)
        local victim = bide.spawn(s.acquire, s)
        settle()
        victim:cancel()
        s:release()
        settle()
        eq(s:permits(), 1)
        eq(victim:status(), "cancelled")
    end)
end

function test_semaphore_cancelled_head_lets_the_next_pass()
    run(function()
        local s = bide.semaphore(1)
        local head = bide.spawn(s.acquire, s, 3)
        settle()
        local small = bide.spawn(s.acquire, s, 1)
        settle()
        eq(small:done(), false)
        head:cancel()
        settle()
        eq(small:done(), true)
    end)
end

function test_semaphore_permit_is_released_once()
    run(function()
        local s = bide.semaphore(3)
        do
            local permit <close> = s:acquire(2)
            eq(s:permits(), 1)
            permit:release()
            permit:release()
            eq(s:permits(), 3)
        end
        eq(s:permits(), 3)
    end)
end

function test_semaphore_cancel_at_every_park()
    support.cancel_at_every_park(function()
        local s = bide.semaphore(2)
        local taken, through = 0, 0
        local function rounds(n)
            return function()
                for _ = 1, 3 do
                    local permit <close> = s:acquire(n)
                    taken = taken + n
                    lu.assertTrue(taken <= 2)
                    local ok, err = pcall(bide.yield_now)
                    taken = taken - n
                    if not ok then
                        error(err, 0)
                    end
                    through = through + 1
                end
            end
        end
        return {
            tasks = { rounds(1), rounds(2), rounds(1) },
            victim = rounds(2),
            check = function(outcome)
                lu.assertTrue(through >= 9)
                if outcome == "done" then
                    eq(through, 12)
                end
                eq(s:permits(), 2)
                eq(s:waiters(), 0)
            end,
        }
    end)
end

function test_semaphore_agrees_with_its_model()
    local function hand_out(rig)
        while rig.queue[1] and rig.queue[1].op <= rig.permits do
            local entry = rig:unblock(1)
            rig.permits = rig.permits - entry.op
            rig:ends(entry.hand)
        end
    end
    model.run {
        make = function(rig)
            rig.permits = 2
            return bide.semaphore(2, { bounded = false })
        end,
        draw = function(_, rng) -- 1, 2, 3: acquire; -1, -2: release; 0: try
            return rng:below(6) - 2
        end,
        submit = function(s, op)
            if op > 0 then
                s:acquire(op)
            elseif op == 0 then
                return s:try_acquire() and "ok" or "no"
            else
                s:release(-op)
            end
        end,
        predict = function(rig, hand, op)
            if op == "cancel" then
                rig:unblock_hand(hand)
                hand_out(rig) -- to those it stood in the way of
                rig:ends(hand, model.CANCELLED)
            elseif op < 0 then
                rig:ends(hand)
                rig.permits = rig.permits - op
                hand_out(rig)
            elseif #rig.queue == 0 and rig.permits >= math.max(op, 1) then
                rig.permits = rig.permits - math.max(op, 1)
                rig:ends(hand)
            elseif op == 0 then
                rig:ends(hand, "no")
            else
                rig:blocks(hand, op)
            end
        end,
        compare = function(rig)
            eq(rig.object:permits(), rig.permits)
            eq(rig.object:waiters(), #rig.queue)
        end,
    }
end

support.finish()
