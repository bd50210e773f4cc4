package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

local function ms(seconds)
    return math.floor(seconds * 1000 + 0.5)
end

-- When each tick was due and when it came, in ms from the start; after the
-- second there is a pause.
local function ticks_of(missed, pause, count)
    local seen = {}
    run(function()
        local start = bide.now()
        local iv = bide.interval(0.1, { missed = missed })
        for i = 1, count do
            local due = iv:tick()
            seen[i] = ms(due - start) .. "@" .. ms(bide.now() - start)
            if i == 2 then
                bide.sleep(pause)
            end
        end
    end)
    return table.concat(seen, " ")
end

function test_interval_ticks_at_its_period()
    eq(ticks_of(nil, 0.03, 4), "0@0 100@100 200@200 300@300")
end

function test_interval_burst_catches_up()
    eq(ticks_of("burst", 0.25, 6),
        "0@0 100@100 200@350 300@350 400@400 500@500")
end

function test_interval_delay_starts_over_from_the_late_tick()
    eq(ticks_of("delay", 0.25, 5), "0@0 100@100 200@350 450@450 550@550")
end

function test_interval_skip_stays_on_the_grid()
    eq(ticks_of("skip", 0.25, 5), "0@0 100@100 200@350 400@400 500@500")
    eq(ticks_of("skip", 0.3, 4), "0@0 100@100 200@400 500@500")
end

function test_interval_tick_that_is_a_little_late_was_not_missed()
    eq(ticks_of("delay", 0.104, 4), "0@0 100@100 200@204 300@300")
    eq(ticks_of("delay", 0.106, 4), "0@0 100@100 200@206 306@306")
end

function test_interval_cancelled_tick_is_not_lost()
    run(function()
        local iv = bide.interval(0.1, { missed = "delay" })
        local start = iv:tick()
        local waiter = bide.spawn(iv.tick, iv)
        settle()
        waiter:cancel()
        waiter:join()
        eq(select(2, bide.timeout(0.05, iv.tick, iv)), "timeout")
        eq(ms(iv:tick() - start), 100)
    end)
end

function test_interval_race_loser_keeps_the_tick()
    run(function()
        local iv = bide.interval(0.1)
        local start = iv:tick()
        bide.race(function() iv:tick() end, function() bide.sleep(0.05) end)
        eq(ms(iv:tick() - start), 100)
    end)
end

function test_interval_second_waiter_is_an_error()
    run(function()
        local iv = bide.interval(1)
        iv:tick()
        local first = bide.spawn(iv.tick, iv)
        settle()
        lu.assertErrorMsgContains("its own interval", iv.tick, iv)
        lu.assertErrorMsgContains("a task waits", iv.reset, iv)
        first:await()
    end)
end

function test_interval_reset_starts_over()
    run(function()
        local iv = bide.interval(0.1)
        local start = iv:tick()
        bide.sleep(0.03)
        iv:reset()
        eq(ms(iv:tick() - start), 130)
    end)
end

function test_interval_without_a_period_is_an_error()
    run(function()
        lu.assertErrorMsgContains("above 0", bide.interval, 0)
        lu.assertErrorMsgContains(">= 0", bide.interval, -1)
        lu.assertErrorMsgContains("number expected", bide.interval)
        lu.assertErrorMsgContains('"skip"', bide.interval, 1,
            { missed = "never" })
        lu.assertErrorMsgContains('"skip"', bide.interval, 1, { missed = {} })
        lu.assertErrorMsgContains("mised", bide.interval, 1, { mised = 1 })
    end)
    lu.assertError(bide.interval, 1)
end

function test_interval_is_iterated()
    run(function()
        local start, seen = bide.now(), {}
        for when in bide.interval(2, { missed = "skip" }) do
            seen[#seen + 1] = ms(when - start)
            if #seen == 3 then
                break
            end
        end
        eq(seen, { 0, 2000, 4000 })
    end)
end

function test_interval_tells_its_state()
    run(function()
        local iv = bide.interval(0.5, { missed = "delay" })
        eq(iv:period(), 0.5)
        eq(iv:missed(), "delay")
        eq(tostring(iv), "bide.interval of 0.5 s, missed=delay")
    end)
end

support.finish()
