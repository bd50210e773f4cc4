package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local model = require "model"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

function test_future_wait_gives_the_value()
    run(function()
        local f = bide.future()
        bide.spawn(function()
            bide.sleep(1)
            f:set("value", nil, 3)
        end)
        eq(f:done(), false)
        eq({ f:await() }, { "value", nil, 3 })
        local none = bide.future()
        none:set()
        eq(select("#", none:await()), 0)
    end)
end

function test_future_wait_gives_the_error()
    run(function()
        local f = bide.future()
        local object = {}
        bide.spawn(function()
            f:fail(object)
        end)
        local ok, err = pcall(f.await, f)
        eq(ok, false)
        lu.assertIs(err, object)
    end)
end

function test_future_already_settled_does_not_wait()
    local f = bide.future()
    f:set(1)
    eq(f:await(), 1)
    run(function()
        local other = false
        bide.spawn(function()
            other = true
        end)
        eq(f:await(), 1)
        eq(f:await(), 1)
        eq(other, false)
    end)
end

function test_future_settles_once()
    run(function()
        local f = bide.future()
        eq(f:set("first"), true)
        local ok, message, code = f:set("second")
        eq({ ok, code }, { nil, "ESETTLED" })
        lu.assertStrContains(message, "settled")
        eq(select(3, f:fail("third")), "ESETTLED")
        eq(f:await(), "first")
    end)
end

function test_future_wakes_its_waiters_in_order()
    run(function()
        local f = bide.future()
        local order = {}
        for i = 1, 3 do
            bide.spawn(function()
                local value = f:await()
                order[#order + 1] = value + i
            end)
        end
        settle()
        f:set(10)
        settle()
        eq(order, { 11, 12, 13 })
    end)
end

function test_future_cancelled_waiter_leaves_it_pending()
    run(function()
        local f = bide.future()
        local victim, other = bide.spawn(f.await, f), bide.spawn(f.await, f)
        settle()
        victim:cancel()
        settle()
        eq(f:done(), false)
        f:set("still")
        eq(other:await(), "still")
        eq(victim:status(), "cancelled")
    end)
end

function test_future_failure_nobody_looked_at_is_reported()
    local seen = {}
    local before = bide.on_unhandled(function(message, err)
        seen[#seen + 1] = message
        eq(err, "unseen")
    end)
    bide.future():fail("unseen")
    local looked = bide.future()
    looked:fail("seen")
    pcall(looked.await, looked)
    looked = nil
    for _ = 1, 3 do
        collectgarbage()
    end
    bide.on_unhandled(before)
    eq(#seen, 1)
    lu.assertStrMatches(seen[1],
        "a future failed at .*test_future%.lua:%d+ and nobody looked: unseen")
end

function test_future_cancel_at_every_park()
    support.cancel_at_every_park(function()
        local futures = { bide.future(), bide.future(), bide.future() }
        local got = {}
        return {
            tasks = {
                function()
                    for i, f in ipairs(futures) do
                        bide.yield_now()
                        f:set(i)
                    end
                end,
                function()
                    for i, f in ipairs(futures) do
                        got[i] = f:await()
                    end
                end,
            },
            victim = function()
                for i, f in ipairs(futures) do
                    eq(f:await(), i)
                end
            end,
            check = function()
                eq(got, { 1, 2, 3 })
            end,
        }
    end)
end

function test_future_agrees_with_its_model()
    model.run {
        make = function(rig)
            rig.number = 0
            return { bide.future() }
        end,
        draw = function(_, rng)
            local n = rng:below(12)
            return n == 0 and "set" or n == 1 and "fail" or n == 2 and "renew"
                or "await"
        end,
        submit = function(box, op, _, rig)
            if op == "renew" then
                pcall(function()
                    return box[1]:done() and box[1]:await()
                end)
                box[1] = bide.future()
            elseif op == "await" then
                return box[1]:await()
            else
                local arg = op == "set" and rig.number or "(EFAIL)"
                return (select(3, box[1][op](box[1], arg)))
            end
        end,
        predict = function(rig, hand, op)
            if op == "cancel" then
                rig:unblock_hand(hand)
                rig:ends(hand, model.CANCELLED)
            elseif op == "renew" then
                -- Those who wait for the old one can only be cancelled.
                rig.stale = rig.stale or {}
                for _, entry in ipairs(rig.queue) do
                    rig.stale[entry] = true
                end
                rig.result = nil
                rig:ends(hand)
            elseif op == "await" and rig.result then
                rig:ends(hand, rig.result)
            elseif op == "await" then
                rig:blocks(hand, op)
            elseif rig.result then
                rig:ends(hand, "ESETTLED")
            else
                rig:ends(hand)
                rig.result = op == "set" and rig.number or "EFAIL"
                local i = 1
                while rig.queue[i] do
                    if rig.stale and rig.stale[rig.queue[i]] then
                        i = i + 1
                    else
                        rig:ends(rig:unblock(i).hand, rig.result)
                    end
                end
            end
        end,
        compare = function(rig)
            eq(rig.object[1]:done(), rig.result ~= nil)
        end,
    }
end

support.finish()
