package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local run = support.run
local has = lu.assertStrContains
local eq = lu.assertEquals

-- The report of a run that is stalled.
local function stall(fn, options)
    local ok, err = pcall(run, fn, options)
    eq(ok, false)
    return err
end

-- -- reports ------------------------------------------------------------------

local function audit(ledger, news)
    local guard <close> = ledger:lock()
    bide.sleep(2)
    news:wait()
end

local function pay(ledger)
    while not ledger:owner() do bide.yield_now() end
    local guard <close> = ledger:lock()
end

function test_stall_names_each_task_with_its_wait_and_age()
    local text = stall(function()
        local ledger, news = bide.mutex "ledger", bide.event "news"
        bide.spawn({ name = "audit" }, audit, ledger, news)
        pay(ledger)
    end)
    has(text, "bide.run: every task waits and nothing can wake one (ESTALLED):\n")
    has(text, 'task "audit" (test_stall.lua:33) waits for Event "news" (made at '
        .. "test_stall.lua:32): wait, for 0.000 s, at ")
    has(text, "test_stall.lua:22; 1 task waits for it\n    holds Mutex "
        .. '"ledger" (made at test_stall.lua:32), for 2.000 s\n')
    has(text, 'task "main" ')
    has(text, ': lock, held by task "audit" (test_stall.lua:33), for 2.000 s, at ')
    has(text, "test_stall.lua:27")
end

function test_stall_lists_first_whom_others_wait_for()
    local text = stall(function()
        local ledger, news = bide.mutex "ledger", bide.event "news"
        bide.spawn({ name = "bystander" }, news.wait, news)
        local payer = bide.spawn({ name = "pay" }, pay, ledger)
        bide.spawn({ name = "audit" }, audit, ledger, news)
        payer:await()
    end)
    local names = {}
    for name in text:gmatch '\n  task "(%w+)"' do names[#names + 1] = name end
    eq(names, { "audit", "pay", "main", "bystander" })
    has(text, "; 2 tasks wait for it\n    holds Mutex")
end

function test_stall_list_is_cut_with_a_count()
    local text = stall(function()
        local news = bide.event "news"
        local scope <close> = bide.scope()
        for _ = 1, 60 do scope:spawn(news.wait, news) end
    end)
    eq(select(2, text:gsub("\n  task", "")), 50)
    has(text, "\n  and 11 more")
end

-- -- of the background --------------------------------------------------------

local function beat(log)
    local guard <close> = setmetatable({}, {
        __close = function() log[#log + 1] = "cancelled" end,
    })
    while true do bide.sleep(1) end
end

function test_background_task_does_not_keep_the_run()
    local log = {}
    run(function()
        bide.spawn({ background = true }, beat, log)
        bide.sleep(3)
        log[#log + 1] = "slept"
    end)
    eq(log, { "slept", "cancelled" })
end

function test_background_task_does_not_hide_a_stall()
    local log = {}
    local text = stall(function()
        local never = bide.event "never"
        bide.spawn({ name = "heart", background = true }, beat, log)
        bide.spawn({ name = "clock", background = true }, function()
            for _ in bide.interval(1) do end
        end)
        bide.spawn({ name = "guard", background = true }, function()
            bide.timeout(60, never.wait, never)
        end)
        never:wait()
    end)
    local names = {}
    for name in text:gmatch '\n  task "(%w+)"' do names[#names + 1] = name end
    eq(names, { "main", "heart", "clock", "guard" })
    eq(select(2, text:gsub(", of the background, waits for", "")), 3)
    eq(log, { "cancelled" })
end

function test_background_task_on_io_does_not_hide_a_stall()
    local text = stall(function()
        local listener <close> = support.listen()
        bide.spawn({ name = "server", background = true }, listener.serve,
            listener, function() end)
        bide.event():wait()
    end, { virtual_clock = false })
    has(text, 'task "server" ')
    has(text, ", of the background, waits for Listener")
end

function test_background_covers_what_is_started_below_it()
    local text = stall(function()
        bide.spawn({ name = "parent", background = true }, function()
            local scope <close> = bide.scope()
            scope:spawn({ name = "child" }, beat, {})
        end)
        bide.event():wait()
    end)
    has(text, 'task "child" ')
    eq(select(2, text:gsub(", of the background, waits for", "")), 2)
end

function test_background_members_end_when_the_others_have()
    local log = {}
    run(function()
        do
            local scope <close> = bide.scope()
            scope:spawn({ background = true }, beat, log)
            scope:spawn(function()
                bide.sleep(3)
                log[#log + 1] = "worked"
            end)
        end
        log[#log + 1] = "left"
        do
            local scope <close> = bide.scope()
            scope:spawn({ background = true }, beat, log)
            bide.yield_now()
        end
        log[#log + 1] = "left"
    end)
    eq(log, { "worked", "cancelled", "left", "cancelled", "left" })
end

function test_background_member_that_fails_fails_its_group()
    local ok, err = pcall(run, function()
        local scope <close> = bide.scope()
        scope:spawn({ background = true }, error, "heart", 0)
        bide.sleep(1)
    end)
    eq(ok, false)
    has(err, "heart")
end

function test_stall_options_are_checked()
    for option, value in pairs { stall = 0, slow_lock = -1, on_report = 3 } do
        local ok, err = pcall(bide.run, function() end, { [option] = value })
        eq(ok, false)
        has(err, "option '" .. option .. "' must be")
    end
end

support.finish()
