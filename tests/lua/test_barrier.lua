package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local model = require "model"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

function test_barrier_releases_all_when_the_last_arrives()
    run(function()
        local b = bide.barrier(3)
        local through = 0
        local function arrive()
            b:wait()
            through = through + 1
        end
        bide.spawn(arrive)
        bide.spawn(arrive)
        settle()
        eq(through, 0)
        eq(b:waiting(), 2)
        bide.spawn(arrive)
        settle()
        eq(through, 3)
        eq(b:parties(), 3)
    end)
end

function test_barrier_gives_the_order_of_arrival()
    run(function()
        local b = bide.barrier(3)
        local first, second = bide.spawn(b.wait, b), bide.spawn(b.wait, b)
        settle()
        eq(b:wait(), 2)
        eq(first:await(), 0)
        eq(second:await(), 1)
    end)
end

function test_barrier_can_be_used_again()
    run(function()
        local b = bide.barrier(2)
        for _ = 1, 3 do
            local other = bide.spawn(b.wait, b)
            settle()
            eq(b:wait(), 1)
            eq(other:await(), 0)
        end
    end)
end

function test_barrier_cancelled_waiter_has_not_arrived()
    run(function()
        local b = bide.barrier(2)
        local victim = bide.spawn(b.wait, b)
        settle()
        victim:cancel()
        settle()
        eq(b:waiting(), 0)
        local other = bide.spawn(b.wait, b)
        settle()
        eq(other:done(), false)
        b:wait()
        other:await()
    end)
end

function test_barrier_abort_breaks_waiters_and_later_arrivals()
    run(function()
        local b = bide.barrier(2)
        local waiter = bide.spawn(b.wait, b)
        settle()
        b:abort()
        local ok, err = waiter:join()
        eq(ok, false)
        lu.assertStrContains(err, "EBROKEN")
        lu.assertErrorMsgContains("EBROKEN", b.wait, b)
        eq(b:broken(), true)
        b:reset()
        eq(b:broken(), false)
    end)
end

function test_barrier_reset_makes_it_as_new()
    run(function()
        local b = bide.barrier(2)
        local waiter = bide.spawn(b.wait, b)
        settle()
        b:reset()
        local ok, err = waiter:join()
        eq(ok, false)
        lu.assertStrContains(err, "EBROKEN")
        local other = bide.spawn(b.wait, b)
        settle()
        eq(b:wait(), 1)
        other:await()
    end)
end

function test_barrier_cancel_at_every_park()
    support.cancel_at_every_park(function()
        local b = bide.barrier(2)
        local busy, through = 2, 0
        local function arrive()
            local leaving <close> = setmetatable({}, {
                __close = function()
                    busy = busy - 1
                end,
            })
            for _ = 1, 2 do
                b:wait()
                through = through + 1
                bide.yield_now()
            end
        end
        local function fill_in() -- whatever becomes of the victim
            while busy > 0 do
                bide.yield_now()
                if b:waiting() == 1 then
                    b:wait()
                end
            end
        end
        return {
            tasks = { arrive, fill_in },
            victim = arrive,
            check = function(outcome)
                if outcome == "done" then
                    eq(through, 4)
                end
                eq(b:waiting(), 0)
                eq(b:broken(), false)
            end,
        }
    end)
end

function test_barrier_agrees_with_its_model()
    local function break_all(rig)
        while rig.queue[1] do
            rig:ends(rig:unblock(1).hand, "EBROKEN")
        end
    end
    model.run {
        make = function()
            return bide.barrier(3)
        end,
        draw = function(_, rng)
            local n = rng:below(10)
            return n == 0 and "abort" or n <= 2 and "reset" or "wait"
        end,
        submit = function(b, op)
            return b[op](b)
        end,
        predict = function(rig, hand, op)
            if op == "cancel" then
                rig:unblock_hand(hand)
                rig:ends(hand, model.CANCELLED)
            elseif op == "wait" and rig.broken then
                rig:ends(hand, "EBROKEN")
            elseif op == "wait" and #rig.queue < 2 then
                rig:blocks(hand, op)
            elseif op == "wait" then
                local place = 0
                rig:ends(hand, 2)
                while rig.queue[1] do
                    rig:ends(rig:unblock(1).hand, place)
                    place = place + 1
                end
            else
                rig:ends(hand)
                rig.broken = op == "abort"
                break_all(rig)
            end
        end,
        compare = function(rig)
            eq(rig.object:waiting(), #rig.queue)
            eq(rig.object:broken(), rig.broken or false)
        end,
    }
end

support.finish()
