-- Steps that last, seen while they last: such a step ends when its report is in
-- the file that stands for standard error, or has been handed over.
package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local SOON = 0.02

-- Runs `body` as the main task of a process with its standard error in a file,
-- in which `reported()` tells whether there is a report: the report, the output
-- and the exit status.
local function watched(body, options)
    local name = os.tmpname()
    local script = ([[
        local bide = require "bide"
        local FILE = %q
        local function reported()
            local f <close> = assert(io.open(FILE))
            return f:seek("end") > 0
        end
        bide.run(function()
            %s
        end, { %s })
    ]]):format(name, body, options or "watchdog = 0.02")
    local path = os.tmpname()
    local f = assert(io.open(path, "w"))
    f:write((script:gsub("\n%s+", "\n")))
    f:close()
    local output = support.shell(("(timeout 60 '%s' '%s' 2>'%s'; echo $?)")
        :format(arg[-1] or "lua", path, name))
    local file = assert(io.open(name))
    local text = file:read("a")
    file:close()
    os.remove(path)
    os.remove(name)
    return text:gsub(path:gsub("%p", "%%%0"), "script"), output
end

function test_watchdog_reports_a_block_while_it_lasts()
    local text, output = watched [[
        bide.spawn({ name = "hot" }, function()
            local function spin()
                repeat until reported()
            end
            spin()
        end):await()
    ]]
    lu.assertEquals(output, "0\n")
    lu.assertStrContains(text, 'the loop is blocked: task "hot" (script:8)')
    lu.assertStrContains(text, "script:10: in local 'spin'")
    lu.assertStrContains(text, "script:12: in function")
end

function test_watchdog_names_the_task_in_a_c_function_and_traces_it_later()
    local text, output = watched [[
        bide.spawn({ name = "shell" }, function()
            os.execute(("until [ -s '%s' ]; do sleep 0.01; done"):format(FILE))
        end):await()
    ]]
    lu.assertEquals(output, "0\n")
    local first = text:match "^[^\n]*\n"
    lu.assertStrContains(first, 'task "shell" (script:8) has been running')
    lu.assertStrContains(text, 'where task "shell" (script:8) blocked the loop')
    lu.assertStrContains(text, "[C]: in function 'os.execute'")
    lu.assertStrContains(text, "script:9: in function")
end

function test_watchdog_works_without_a_signal()
    local text, output = watched([[
        repeat until reported()
    ]], "watchdog = 0.02, watchdog_signal = 0")
    lu.assertEquals(output, "0\n")
    lu.assertStrMatches(text, 'bide: the loop is blocked: task "main" ' ..
        "%(script:%d+%) has been running for %d+ ms without waiting\n")
end

function test_watchdog_tells_the_host_afterwards()
    local text, output = watched([[
        repeat until reported()
        bide.sleep(0.001)
    ]], [[watchdog = 0.02, on_blocked = function(r)
        print(r.task, r.site, r.seconds >= 0.02, r.nth, r.missed,
            r.text:find(r.trace, 1, true) ~= nil)
    end]])
    lu.assertStrContains(text, "blocked")
    lu.assertStrMatches(output, "main\t[^\t]+:%d+\ttrue\t1\t0\ttrue\n0\n")
end

function test_watchdog_reports_a_long_block_again_ever_later()
    local text, output = watched([[
        repeat
            local f <close> = assert(io.open(FILE))
            local _, n = f:read("a"):gsub("the loop is blocked", "")
        until n >= 2
    ]], "watchdog = 0.01")
    lu.assertEquals(output, "0\n")
    local first, second = text:match "for (%d+) ms.-for (%d+) ms"
    lu.assertTrue(second + 1 >= 4 * first)
end

function test_watchdog_is_silent_about_waiting_tasks()
    local seen = {}
    bide.run(function()
        bide.sleep(0.1)
    end, { watchdog = SOON, on_blocked = function(r) seen[1] = r end })
    lu.assertEquals(seen, {})
end

function test_watchdog_is_silent_about_many_short_steps()
    local seen = {}
    bide.run(function()
        local stop = bide.now() + 0.1
        while bide.now() < stop do
            bide.yield_now()
        end
    end, { watchdog = 0.05, on_blocked = function(r) seen[1] = r end })
    lu.assertEquals(seen, {})
end

function test_watchdog_gives_a_debug_hook_back()
    local _, output = watched [[
        local lines = 0
        local function hook()
            lines = lines + 1
        end
        debug.sethook(hook, "l")
        repeat until reported()
        print(debug.gethook() == hook, lines > 0)
    ]]
    lu.assertEquals(output, "true\ttrue\n0\n")
end

function test_watchdog_is_set_by_the_environment()
    local text, status = support.shell(
        ("BIDE_WATCHDOG=soon '%s' -e 'require(\"bide\").run(print)'"):format(
            arg[-1] or "lua"))
    lu.assertEquals(status, 1)
    lu.assertStrContains(text, "must be a time such as")
    local report = watched("repeat until reported()", "debug = true")
    lu.assertStrContains(report, "the loop is blocked")
end

function test_watchdog_refuses_bad_options()
    for _, options in ipairs {
        { watchdog = 0 }, { watchdog = -1 }, { watchdog = "x" },
        { watchdog_signal = 65 }, { watchdog_signal = "URG" },
        { on_blocked = 3 },
    } do
        lu.assertErrorMsgContains("bide.run: option '", bide.run, print,
            options)
    end
end

support.finish()
