package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local has = lu.assertStrContains
local eq = lu.assertEquals

-- The reports of a run.
local function run(limit, fn, virtual)
    local seen = {}
    support.run(fn, {
        slow_lock = limit,
        virtual_clock = virtual ~= false,
        on_report = function(report)
            eq(report.kind, "slow_lock")
            seen[#seen + 1] = report
        end,
    })
    return seen
end

local function hold(lock, seconds)
    local guard <close> = lock:lock()
    bide.sleep(seconds)
end

-- Moves the time on, a quarter of a second each.
local function go_on(seconds)
    for _ = 1, seconds * 4 do bide.sleep(0.25) end
end

function test_slow_lock_is_reported_while_it_lasts()
    local counted
    local seen = run(1, function()
        do
            local ledger = bide.mutex "ledger"
            local scope <close> = bide.scope()
            scope:spawn({ name = "audit" }, hold, ledger, 10)
            scope:spawn({ name = "pay" }, hold, ledger, 0)
            scope:spawn({ name = "late" }, hold, ledger, 0)
            scope:spawn(go_on, 9)
        end
        counted = bide.stats().runtimes[1].counters.slow_locks
    end)
    eq(counted, 3)
    eq(#seen, 3)
    local first, second, last = table.unpack(seen)
    eq({ first.held, first.waited, second.held }, { 1, 1, 4 })
    has(first.lock, 'Mutex "ledger" (made at test_slow_lock.lua:37)')
    has(first.holder, 'task "audit" (test_slow_lock.lua:39) at ')
    has(first.holder, "test_slow_lock.lua:25")
    has(first.waiter, 'task "pay" (test_slow_lock.lua:40) at ')
    eq(first.text, ("bide: a slow lock: %s, held for 1.000 s by %s; %s has waited "
        .. "for 1.000 s, with 1 more behind it\n")
        :format(first.lock, first.holder, first.waiter))
    eq(last.holder, nil)
    has(last.text, " gets after a wait of 10.000 s\n")
end

function test_slow_wait_for_a_lock_is_reported()
    local seen = run(2.5, function()
        local lock = bide.mutex()
        local scope <close> = bide.scope()
        for name in ("abcd"):gmatch "." do
            scope:spawn({ name = name }, hold, lock, 1)
        end
        scope:spawn(go_on, 5)
    end)
    eq(#seen, 1)
    lu.assertTrue(seen[1].held <= 1)
    lu.assertTrue(seen[1].waited >= 2.5)
    has(seen[1].waiter, 'task "d" ')
end

function test_slow_read_locks_and_permits_are_reported()
    local function read(table)
        local guard <close> = table:read()
        bide.sleep(2)
    end
    local function write(table)
        local guard <close> = table:write()
    end
    local function keep(gate, seconds)
        local permit <close> = gate:hold()
        bide.sleep(seconds)
    end
    local seen = run(1, function()
        local table, gate = bide.rwlock "table", bide.semaphore(1, "gate")
        local scope <close> = bide.scope()
        scope:spawn({ name = "reader" }, read, table)
        scope:spawn({ name = "writer" }, write, table)
        scope:spawn({ name = "keeper" }, keep, gate, 2)
        scope:spawn({ name = "guest" }, keep, gate, 0)
        scope:spawn(go_on, 1)
    end)
    eq(#seen, 2)
    has(seen[1].lock, 'RwLock "table" ')
    has(seen[1].holder, 'task "reader" ')
    has(seen[1].waiter, 'task "writer" ')
    has(seen[2].lock, 'Semaphore "gate" ')
    has(seen[2].holder, 'task "keeper" ')
    has(seen[2].waiter, 'task "guest" ')
end

function test_slow_lock_is_reported_when_it_is_over()
    local seen = run(0.002, function()
        local guard <close> = bide.mutex():lock()
        local over = os.clock() + 0.003
        while os.clock() < over do end
    end, false)
    eq(#seen, 1)
    has(seen[1].text, ", was held for 0.0")
end

function test_slow_lock_reports_are_limited()
    local seen = run(1, function()
        local lock = bide.mutex()
        for _ = 1, 20 do hold(lock, 1) end
    end)
    lu.assertTrue(#seen == 9 or #seen == 10)
    lu.assertTrue(seen[9].missed > 0)
    has(seen[9].text, " reports before this left out)\n")
end

function test_slow_lock_below_the_limit_is_no_report()
    local function main(seconds)
        return function()
            local lock = bide.mutex()
            local scope <close> = bide.scope()
            scope:spawn(hold, lock, seconds)
            scope:spawn(hold, lock, 1)
            scope:spawn(go_on, 3)
        end
    end
    eq(run(3, main(1)), {})
    eq(run(false, main(100)), {})
    eq(run(nil, main(100)), {})
end

function test_slow_lock_does_not_hide_a_stall()
    local ok, err = pcall(run, true, function()
        local guard <close> = bide.mutex():lock()
        bide.event():wait()
    end, false)
    eq(ok, false)
    has(err, "ESTALLED")
end

local function in_environment(setting, code)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(code)
    file:close()
    local pipe = assert(io.popen(("%s %s %s 2>&1"):format(
        setting, arg[-1] or "lua5.4", path)))
    local text = pipe:read "a"
    pipe:close()
    os.remove(path)
    return text
end

function test_slow_lock_is_set_by_the_environment()
    local code = [[
        local bide = require "bide"
        bide.run(function()
            local guard <close> = bide.mutex "ledger":lock()
            for _ = 1, 12 do bide.sleep(0.25) end
        end, { virtual_clock = true })
    ]]
    has(in_environment("BIDE_SLOW_LOCK=2s", code),
        'bide: a slow lock: Mutex "ledger" (made at ')
    eq(in_environment("BIDE_SLOW_LOCK=off", code), "")
    has(in_environment("BIDE_SLOW_LOCK=soon", code), "BIDE_SLOW_LOCK and BIDE_STALL must")
end

function test_slow_lock_handler_that_fails_is_reported()
    local text = in_environment("", [[
        local bide = require "bide"
        bide.run(function()
            local guard <close> = bide.mutex "ledger":lock()
            for _ = 1, 8 do bide.sleep(0.25) end
        end, { virtual_clock = true, slow_lock = 1,
            on_report = function() error "handler" end })
        print "went on"
    ]])
    has(text, "handler")
    has(text, "went on")
end

support.finish()
