package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local decode = require "bide.json"
local lu = require "luaunit"
local support = require "support"

-- Of the newest runtime.
local function mine()
    local all = bide.stats().runtimes
    return all[#all]
end

local function three_steps()
    bide.yield_now()
    bide.yield_now()
    return mine()
end

function test_stats_are_off_by_default()
    local stats = bide.run(three_steps)
    lu.assertEquals(stats.language, "Lua")
    lu.assertFalse(stats.enabled)
    lu.assertEquals(stats.histograms, {})
    lu.assertTrue(stats.counters.steps >= 3)
end

function test_stats_measure_steps()
    local stats, task = bide.run(function()
        local stats = three_steps()
        return stats, decode(bide.dump "json").runtimes[1].tasks[1]
    end, { stats = true })
    local steps, n = stats.histograms.step_seconds, 0
    lu.assertTrue(steps.count >= 2)
    for _, bucket in ipairs(steps.buckets) do
        n = n + bucket[2]
    end
    lu.assertEquals(n, steps.count)
    lu.assertTrue(steps.max > 0 and steps.max <= steps.sum)
    lu.assertTrue(stats.histograms.scheduling_delay_seconds.count >= 3)
    lu.assertEquals(task.resumes, 3)
    lu.assertTrue(task.busy > 0)
end

function test_stats_sample_short_steps()
    local steps = bide.run(function()
        for _ = 1, 100000 do
            bide.yield_now()
        end
        local till = os.clock() + 0.05
        while os.clock() < till do end
        for _ = 1, 1000 do
            bide.yield_now()
        end
        return bide.stats().runtimes[1].histograms.step_seconds
    end, { stats = true })
    lu.assertTrue(steps.count > 80000 and steps.count <= 101003)
    lu.assertTrue(steps.max > 0.03)
end

function test_stats_measure_locks()
    local stats = bide.run(function()
        local lock = bide.mutex()
        local function hold()
            local guard <close> = lock:lock()
            bide.sleep(2)
        end
        do
            local g <close> = bide.scope()
            g:spawn(hold)
            g:spawn(hold)
        end
        return mine()
    end, { stats = true, virtual_clock = true })
    local held, waited = stats.histograms.lock_hold_seconds,
        stats.histograms.lock_wait_seconds
    lu.assertEquals({ held.count, held.sum }, { 2, 4.0 })
    lu.assertEquals({ waited.count, waited.max }, { 1, 2.0 })
    lu.assertEquals(held.buckets, { { 2.147483647, 2 } })
    lu.assertEquals(stats.counters.locks_taken, 2)
end

function test_stats_measure_channels()
    local stats = bide.run(function()
        local channel = bide.channel(3)
        channel:send(1)
        channel:send(2)
        channel:try_send(3)
        return mine()
    end, { stats = true })
    lu.assertEquals(stats.histograms.channel_depth, {
        count = 3, sum = 3, max = 2, buckets = { { 0, 1 }, { 1, 1 }, { 2, 1 } },
    })
end

function test_stats_measure_the_pool()
    local stats = bide.run(function()
        bide.spawn_blocking(function() end)
        return mine()
    end, { stats = true })
    lu.assertEquals(stats.histograms.pool_queue_seconds.count, 1)
end

function test_metrics_are_valid()
    local text = bide.run(function()
        bide.yield_now()
        return bide.metrics()
    end, { stats = true })
    lu.assertStrContains(text, "# TYPE bide_steps counter\n")
    lu.assertStrMatches(text, ".*\nbide_step_seconds_count{[^}]*} %d+\n.*")
    lu.assertEquals(text:sub(-6), "# EOF\n")
end

support.finish()
