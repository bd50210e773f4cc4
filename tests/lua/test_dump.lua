package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local run = support.run
local has = lu.assertStrContains

local function scene(format)
    return run(function()
        local mutex = bide.mutex "ledger"
        local g <close> = bide.scope()
        g:spawn({ name = "holder" }, function()
            local guard <close> = mutex:lock()
            bide.sleep(2)
        end)
        g:spawn({ name = "waiter" }, function()
            bide.timeout(60, function() mutex:lock():unlock() end)
        end)
        bide.sleep(1)
        return bide.dump(format)
    end)
end

function test_dump_names_tasks_waits_and_owners()
    local text = scene()
    has(text, '(Lua), running task "main"')
    has(text, 'waits for Mutex "ledger" (made at test_dump.lua:')
    has(text, ': lock, held by task "holder" (test_dump.lua:')
    has(text, 'holds Mutex "ledger"')
    has(text, "in a scope with a deadline in 59.000 s")
    lu.assertStrMatches(text, '.*task "waiter" %(test_dump.lua:%d+%): parked ' ..
        "for 1.000 s at [^\n]*test_dump.lua:%d+\n.*")
end

function test_dump_as_json()
    local text = scene "json"
    has(text, '"language":"Lua","exact":true')
    has(text, '"type":"Mutex","name":"ledger","made_at":{"file":"')
    has(text, '"deadline_in":59.000000000')
    has(text, '"parked":1.000000000')
    lu.assertErrorMsgContains("invalid option", bide.dump, "xml")
end

function test_dump_escapes_what_json_cannot_hold()
    run(function()
        bide.spawn({ name = 'a"b\\c\n\xff\u{20ac}' }, bide.sleep, 1)
        bide.yield_now()
        has(bide.dump "json", '"a\\"b\\\\c\\u000a\\ufffd\u{20ac}"')
    end)
end

local script = [[
local bide = require "bide"
bide.run(function()
    bide.spawn({ name = "parked" }, function() bide.event("never"):wait() end)
    bide.yield_now()
    %s
end)]]

-- Runs the script in a process of its own; what it writes to stderr.
local function output_of(body)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(script:format(body))
    file:close()
    local pipe = assert(io.popen("BIDE_DUMP_SIGNAL=USR1 " ..
        (arg[-1] or "lua5.4") .. " " .. path .. " 2>&1"))
    local text = pipe:read "a"
    pipe:close()
    os.remove(path)
    return text
end

-- The dump is made while os.execute blocks the loop: the child asks for it, and
-- gives it the time it takes to find out that the loop does not answer.
local blocking = [[os.execute("kill -USR1 $PPID; exec sleep 0.5")]]

function test_dump_reads_a_blocked_loop()
    local text = output_of(blocking)
    has(text, 'blocked in task "main"')
    has(text, "read from outside")
end

function test_dump_on_signal_while_the_loop_is_blocked()
    local text = output_of(blocking)
    has(text, '(Lua), blocked in task "main"')
    has(text, 'waits for Event "never"')
    lu.assertErrorMsgContains("no dump can be made", bide.dump_on_signal, "KILL")
    lu.assertErrorMsgContains("no signal", bide.dump_on_signal, "NONE")
    bide.dump_on_signal("SIGUSR2", 2)
    bide.dump_on_signal(nil)
end

-- The thread that dumps is a worker, with a Lua state of its own.
function test_dump_in_a_tight_loop_while_tasks_churn()
    bide.run(function()
        local over = false
        local function dump_on()
            local bide, n = require "bide", 0
            for i = 1, 50 do
                n = n + #bide.dump(i % 2 == 0 and "json" or "text")
            end
            return n
        end
        local watcher = bide.spawn(function()
            local on_exit <close> = setmetatable({}, {
                __close = function() over = true end
            })
            return bide.spawn_blocking(dump_on)
        end)
        while not over do
            local g <close> = bide.scope()
            for _ = 1, 20 do g:spawn(bide.yield_now) end
        end
        lu.assertTrue(watcher:await() > 0)
    end)
end

function test_dump_names_the_jobs()
    bide.run(function()
        local text = bide.spawn_blocking(function()
            return (require "bide").dump()
        end)
        has(text, 'job "')
        has(text, ": running for ")
    end)
    has(bide.dump(), "0 runtimes")
end

support.finish()
