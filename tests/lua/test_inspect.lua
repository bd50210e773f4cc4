package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local decode = require "bide.json"
local lu = require "luaunit"
local support = require "support"
local top = require "bide.top"

local run = support.run
local has = lu.assertStrContains

-- The number of the answer, and its body.
local function ask(request, port)
    local c <close> = assert(bide.tcp.connect("127.0.0.1", port))
    c:write(request)
    local answer = c:read("a") or ""
    return tonumber(answer:match("^HTTP/1.1 (%d+)")),
        answer:match("\r\n\r\n(.*)$")
end

local function get(path, query, host)
    local port = tonumber(bide.inspect():match(":(%d+)/"))
    return ask(("GET %s%s HTTP/1.1\r\nHost: %s\r\n\r\n"):format(path, query or "",
        host or "localhost"), port)
end

local function pid()
    local file <close> = assert(io.open("/proc/self/stat"))
    return file:read("n")
end

local function query()
    return bide.inspect():match("?.*$")
end

-- What `fn` returns while two tasks wait for each other, under a deadline.
local function while_stuck(fn)
    return bide.run(function() -- by the clock: a virtual one outruns the answer
        local ledger, journal = bide.mutex "ledger", bide.mutex "journal"
        local both = bide.barrier(2)
        local result
        local g <close> = bide.scope()
        local function hold(first, second)
            local guard <close> = first:lock()
            both:wait()
            bide.timeout(60, function() second:lock():unlock() end)
        end
        g:spawn({ name = "audit" }, hold, ledger, journal)
        g:spawn({ name = "pay-42" }, hold, journal, ledger)
        for _ = 1, 3 do
            bide.yield_now()
        end
        result = table.pack(fn())
        g:cancel()
        return table.unpack(result, 1, result.n)
    end)
end

function test_live_view_shows_every_task()
    local status, body = while_stuck(function()
        return get("/state.json", query())
    end)
    lu.assertEquals(status, 200)
    local runtime = decode(body).dump.runtimes[1]
    local names = {}
    for _, task in ipairs(runtime.tasks) do
        names[task.id] = task.name
    end
    for _, task in ipairs(runtime.tasks) do
        if task.name == "pay-42" then
            lu.assertEquals(task.waits[1].object.name, "ledger")
            lu.assertEquals(names[task.waits[1].holders[1]], "audit")
        end
    end
    lu.assertEquals(runtime.language, "Lua")
end

function test_live_view_serves_metrics()
    run(function()
        local status, body = get("/metrics", query())
        lu.assertEquals(status, 200)
        lu.assertEquals(body:sub(-6), "# EOF\n")
        status, body = get("/state.json", query())
        lu.assertEquals(status, 200)
        lu.assertEquals(decode(body).stats.runtimes[1].language, "Lua")
    end)
end

function test_live_view_needs_its_token()
    run(function()
        lu.assertEquals(get("/"), 403)
        lu.assertEquals(get("/", query() .. "x"), 403)
        lu.assertEquals(get("/", query(), "evil.example"), 421)
        local status, page = get("/", query())
        lu.assertEquals(status, 200)
        has(page, "Who waits for whom")
    end)
end

function test_live_view_survives_bad_requests()
    run(function()
        local port = tonumber(bide.inspect():match(":(%d+)/"))
        lu.assertEquals(ask("POST / HTTP/1.1\r\n\r\n", port), 405)
        lu.assertEquals(ask("nonsense\r\n\r\n", port), 405)
        lu.assertNil((ask(("x"):rep(9000), port)))
        lu.assertEquals(get("/", query()), 200)
    end)
end

function test_live_view_is_told_to_its_user_alone()
    bide.inspect()
    local number = pid()
    local state = run(function() return top.fetch(number) end)
    lu.assertEquals(state.dump.pid, number)
end

function test_live_view_stays_on_this_machine()
    lu.assertEquals(bide.inspect(), bide.inspect("127.0.0.1:0"))
    local lua = arg[-1]
    local pipe = assert(io.popen(lua .. [[ -e '
        local bide = require "bide"
        print(pcall(bide.inspect, "0.0.0.0:0"))' 2>&1]]))
    has(pipe:read("a"), "an address of this machine is needed")
    pipe:close()
end

function test_top_prints_a_picture()
    bide.inspect()
    local number = pid()
    local lines = while_stuck(function()
        return table.concat(top.picture(assert(top.fetch(number))), "\n")
    end)
    has(lines, 'lock Mutex "ledger" held by audit; holds Mutex "journal"')
end

function test_top_says_what_a_process_lacks()
    local state, why = run(function() return top.fetch(1) end)
    lu.assertNil(state)
    has(why, "BIDE_INSPECT=1")
end

function test_top_sorts_by_busy_time()
    local function task(id, name, busy)
        return { id = id, name = name, state = "parked", busy = busy,
            parked = 1, waits = {}, holds = {} }
    end
    local lines = top.picture({ dump = { bide = "1", pid = 7, runtimes = { {
        id = 1, language = "Lua", exact = true, jobs = {},
        counts = { tasks = 2, ready = 0, timers = 0, io_waits = 0, jobs = 0,
            threads = 0 },
        tasks = { task(1, "idle", 1.0), task(2, "busy", 1.5) },
    } } } }, { ["1/1"] = 1.0, ["1/2"] = 1.0 }, 1.0)
    has(lines[#lines - 1], "busy")
    has(lines[#lines - 1], "50.0 %")
end

function test_json_is_read()
    lu.assertEquals(decode '{"a":[1,-2.5e3,true,false,"x"],"b":{},"c":null}',
        { a = { 1, -2500.0, true, false, "x" }, b = {} })
    lu.assertEquals(decode [["\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"]],
        "\"\\/\b\f\n\r\t\u{e9}\u{1F600}")
    for _, text in ipairs { "", "{", "[1", "[1 2]", '{"a" 1}', '"x', "nul", "1 2",
        '"\\x"', '"\\u12"', "{1:2}" } do
        local fine, why = pcall(decode, text)
        lu.assertFalse(fine, text)
        has(why, "JSON: ")
    end
end

os.exit(lu.LuaUnit.run())
