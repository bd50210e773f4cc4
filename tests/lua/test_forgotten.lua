-- What nobody awaited or looked at.
package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local run = support.run

-- What the handler for warnings gets while `body` runs.
local function warnings(body)
    local seen = {}
    local before = bide.on_warning(function(message, event)
        seen[#seen + 1] = { message = message, event = event }
    end)
    run(body)
    for _ = 1, 3 do
        collectgarbage()
    end
    lu.assertNotNil(bide.on_warning(before))
    return seen
end

function test_forgotten_awaitable_names_its_line()
    local line
    local seen = warnings(function()
        local work = bide.async(print)
        line = debug.getinfo(1, "l").currentline + 1
        work("never")
    end)
    lu.assertEquals(#seen, 1)
    lu.assertEquals(seen[1].event, "unawaited")
    lu.assertStrContains(seen[1].message, "test_forgotten.lua:" .. line)
end

function test_forgotten_failure_is_reported_at_the_end_of_the_run()
    local kept
    local seen = warnings(function()
        kept = bide.spawn({ name = "loser" }, error, "lost")
        bide.sleep(1)
    end)
    lu.assertEquals(#seen, 1)
    lu.assertEquals(seen[1].event, "unhandled")
    lu.assertStrContains(seen[1].message, 'task "loser"')
    lu.assertStrContains(seen[1].message, "lost")
    lu.assertNotNil(kept)
end

function test_handler_of_an_event_comes_before_that_of_warnings()
    local own = {}
    local before = bide.on_unawaited(function(message, site)
        own = { message, site }
    end)
    local seen = warnings(function()
        bide.async(print)("never")
    end)
    bide.on_unawaited(before)
    lu.assertEquals(seen, {})
    lu.assertStrContains(own[2], "test_forgotten.lua:")
end

function test_handler_that_fails_loses_nothing()
    local text = support.script [[
        local bide = require "bide"
        bide.on_warning(function() error("no luck") end)
        bide.async(print)("never")
        collectgarbage()
        collectgarbage()
    ]]
    lu.assertStrContains(text, "no luck")
end

function test_handler_that_is_none_is_refused()
    lu.assertErrorMsgContains("function expected", bide.on_warning, 3)
end

support.finish()
