-- What the Lua tests share: the generator of seeded draws, sweeps and models.
--
-- A test file begins with
--   package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
--   local support = require "support"
-- and ends with
--   support.finish()
local bide = require "bide"
local lu = require "luaunit"

local support = {}

-- The collector at its most eager; see run.lua.
local mode = os.getenv("BIDE_LUA_GC_MODE")
if mode == "incremental" then
    collectgarbage("incremental", 100, 1000, 2)
    collectgarbage("setpause", 0)
elseif mode == "generational" then
    collectgarbage("generational", 1, 1)
end

-- splitmix64, so that the same seeds draw the same in every language.
local Rng = {}
Rng.__index = Rng

function Rng:next()
    self.state = self.state + 0x9e3779b97f4a7c15
    local z = self.state
    z = (z ~ z >> 30) * 0xbf58476d1ce4e5b9
    z = (z ~ z >> 27) * 0x94d049bb133111eb
    return z ~ z >> 31
end

-- A draw from 0 to n - 1; the state is unsigned, Lua's integers are not.
function Rng:below(n)
    local z = self:next()
    local rest = z - ((z >> 1) // n << 1) * n
    if not math.ult(rest, n) then
        rest = rest - n
    end
    return rest
end

function support.rng(seed)
    return setmetatable({ state = seed }, Rng)
end

-- The seeds of a model test: 1..20, or the one in BIDE_SEED.
function support.seeds()
    local one = tonumber(os.getenv("BIDE_SEED"))
    if one then
        return { one }
    end
    local list = {}
    for seed = 1, 20 do
        list[seed] = seed
    end
    return list
end

-- Runs `fn` as the main task on the virtual clock.
function support.run(fn, options)
    options = options or {}
    if options.virtual_clock == nil then
        options.virtual_clock = true
    end
    return bide.run(fn, options)
end

-- Lets every task that can go on do so until it waits again.
function support.settle(rounds)
    for _ = 1, rounds or 8 do
        bide.yield_now()
    end
end

-- A listener on a free port of this machine.
function support.listen()
    return assert(bide.tcp.listen("127.0.0.1", 0))
end

-- Runs fn(a, b, srv) with the two ends of a TCP connection.
function support.with_pair(fn)
    return bide.run(function()
        local srv <close> = support.listen()
        local accepting = bide.spawn(srv.accept, srv)
        local a <close> = assert(bide.tcp.connect("127.0.0.1", srv:port()))
        local b <close> = assert(accepting:await())
        return fn(a, b, srv)
    end)
end

-- Calls fn; an error gets `note` in front.
function support.noting(note, fn, ...)
    local results = table.pack(xpcall(fn, function(err)
        if type(err) == "string" then
            return note .. ": " .. err
        end
        if type(err) == "table" and type(err.msg) == "string" then
            err.msg = note .. ": " .. err.msg -- luaunit's failures
        end
        return err
    end, ...))
    if not results[1] then
        error(results[2], 0)
    end
    return table.unpack(results, 2, results.n)
end

-- Cancels a victim at each of its parks: after k rounds of the ready queue,
-- for every k until it gets through unharmed; in the usual ready order and in
-- a few seeded ones.
--
-- `make()` gives a scenario: a table with `tasks`, a list of functions,
-- `victim`, a function, and `check(outcome)`, called in the main task when all
-- have ended, with "done" or "cancelled" for the victim. Where the victim waits
-- for other threads, `pause` makes a round of main's last as long as theirs.
function support.cancel_at_every_park(make, options)
    local function once(k)
        local scenario = make()
        local pause = scenario.pause or bide.yield_now
        local tasks = {}
        for i, fn in ipairs(scenario.tasks) do
            tasks[i] = bide.spawn(fn)
        end
        local ended = false
        local victim = bide.spawn(function()
            scenario.victim()
            ended = true
        end)
        for round = 1, k do
            pause(round)
        end
        local missed = ended
        victim:cancel()
        for _, task in ipairs(tasks) do
            task:await()
        end
        local ok, err = victim:join()
        if not ok and not tostring(err):find("cancelled", 1, true) then
            error(err, 0)
        end
        scenario.check(ended and "done" or "cancelled")
        return missed
    end
    for seed = 0, 3 do
        local cancelled = 0
        for k = 0, 500 do
            local where = ("cancelled after %d rounds, seed %d"):format(k, seed)
            local run_options = { seed = seed }
            for key, value in pairs(options or {}) do
                run_options[key] = value
            end
            local missed
            support.noting(where, support.run, function()
                missed = once(k)
            end, run_options)
            if missed then
                break
            end
            cancelled = cancelled + 1
        end
        -- In a drawn order main's yields may come round late.
        lu.assertTrue(cancelled > (seed == 0 and 1 or 0) and cancelled < 500,
            ("the sweep shows nothing: %d rounds, seed %d"):format(cancelled, seed))
    end
end

-- A `pause` for scenarios with work on other threads: quick rounds at first, then
-- such as take a thread, so that the victim gets on.
function support.job_round(round)
    if round <= 32 then
        bide.yield_now()
    else
        bide.spawn_blocking("os.time")
    end
end

-- Runs `drive(rng)` for every seed, inside a run.
function support.agrees_with_model(drive)
    for _, seed in ipairs(support.seeds()) do
        support.noting("BIDE_SEED=" .. seed, support.run, function()
            drive(support.rng(seed))
        end)
    end
end

-- What a command prints, standard error included, and its exit status.
function support.shell(command)
    local pipe <close> = assert(io.popen(command .. " 2>&1; echo \"=$?\""))
    local output = pipe:read("a")
    local text, status = output:match("^(.*)=(%d+)\n$")
    if not text then
        lu.skip("no shell starts here, under a preloaded sanitizer")
    end
    return text, tonumber(status)
end

-- Runs a Lua script in a process of its own.
function support.script(source)
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write(source)
    file:close()
    local text, status = support.shell(("'%s' '%s'"):format(
        arg[-1] or "lua", name))
    os.remove(name)
    return text, status
end

-- How many descriptors the process has open.
function support.descriptors()
    local n = 0
    for fd = 0, 200 do
        local file <close> = io.open("/proc/self/fdinfo/" .. fd)
        n = n + (file and 1 or 0)
    end
    return n
end

-- Whether the module was built with OpenSSL.
function support.has_tls()
    return select(3, bide.tls.context {}) ~= "ENOTSUP"
end

function support.finish()
    os.exit(lu.LuaUnit.run(), true)
end

return support
