package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local model = require "model"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

function test_event_set_wakes_all_waiters()
    run(function()
        local e = bide.event()
        local order = {}
        for i = 1, 3 do
            bide.spawn(function()
                e:wait()
                order[#order + 1] = i
            end)
        end
        settle()
        eq(e:waiters(), 3)
        e:set()
        settle()
        eq(order, { 1, 2, 3 })
    end)
end

function test_event_already_set_does_not_wait()
    run(function()
        local e = bide.event()
        e:set()
        local other = false
        bide.spawn(function()
            other = true
        end)
        e:wait()
        eq(other, false)
        eq(e:is_set(), true)
    end)
end

function test_event_cleared_makes_waits_park_again()
    run(function()
        local e = bide.event()
        e:set()
        e:clear()
        local waiter = bide.spawn(e.wait, e)
        settle()
        eq(waiter:status(), "parked")
        eq(e:is_set(), false)
    end)
end

function test_event_set_and_cleared_still_wakes()
    run(function()
        local e = bide.event()
        local waiter = bide.spawn(e.wait, e)
        settle()
        e:set()
        e:clear()
        settle()
        eq(waiter:done(), true)
    end)
end

function test_event_cancelled_waiter_leaves_the_others()
    run(function()
        local e = bide.event()
        local victim = bide.spawn(e.wait, e)
        local other = bide.spawn(e.wait, e)
        settle()
        victim:cancel()
        settle()
        eq(victim:status(), "cancelled")
        eq(e:waiters(), 1)
        e:set()
        other:await()
    end)
end

function test_event_cancel_at_every_park()
    support.cancel_at_every_park(function()
        local ping, pong = bide.event(), bide.event()
        local rounds = 0
        return {
            tasks = {
                function()
                    for _ = 1, 4 do
                        ping:set()
                        bide.yield_now()
                        ping:clear()
                        bide.yield_now()
                    end
                    ping:set()
                end,
                function()
                    ping:wait()
                    pong:set()
                end,
            },
            victim = function()
                for _ = 1, 3 do
                    ping:wait()
                    rounds = rounds + 1
                    bide.yield_now()
                end
                pong:wait()
            end,
            check = function(outcome)
                if outcome == "done" then
                    eq(rounds, 3)
                end
                eq(ping:waiters(), 0)
                eq(pong:waiters(), 0)
                eq(pong:is_set(), true)
            end,
        }
    end)
end

function test_event_agrees_with_its_model()
    model.run {
        make = function(rig)
            rig.set = false
            return bide.event()
        end,
        draw = function(_, rng)
            return ({ "wait", "wait", "set", "clear", "pulse" })[rng:below(5)
                + 1]
        end,
        submit = function(e, op)
            if op == "wait" then
                e:wait()
            end
            if op == "set" or op == "pulse" then
                e:set()
            end
            if op == "clear" or op == "pulse" then
                e:clear()
            end
        end,
        predict = function(rig, hand, op)
            if op == "cancel" then
                rig:unblock_hand(hand)
                rig:ends(hand, model.CANCELLED)
            elseif op == "wait" and not rig.set then
                rig:blocks(hand, op)
            else
                rig:ends(hand)
            end
            if op == "set" or op == "pulse" then
                while rig.queue[1] do
                    rig:ends(rig:unblock(1).hand)
                end
            end
            if op == "set" then
                rig.set = true
            elseif op == "clear" or op == "pulse" then
                rig.set = false
            end
        end,
        compare = function(rig)
            eq(rig.object:is_set(), rig.set)
            eq(rig.object:waiters(), #rig.queue)
        end,
    }
end

support.finish()
