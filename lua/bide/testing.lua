-- Tools for tests of programs that use bide.
--
--   local testing = require "bide.testing"
--
--   function test_server()                      -- luaunit
--     testing.run(function()
--       local g <close> = bide.scope()
--       g:spawn(server)
--       testing.wait_all_parked()               -- it has got as far as it can
--       local watch = testing.elapsed()
--       client()
--       assert(watch() == 5)                    -- of virtual time
--     end, { leaks = true })
--   end
--
--   it("serves", testing.case(function() ... end))            -- busted
--   testing.explore(function() ... end, { seeds = 100 })
local bide = require "bide"

local testing = {}

local core = bide._testing

--- Waits until every other task waits and nothing is ready.
testing.wait_all_parked = core.wait_all_parked

-- -- time ---------------------------------------------------------------------

--- Lets virtual time pass: what falls due meanwhile happens in its order, and
--- when this returns, all of it has run as far as it can.
function testing.advance(seconds)
    bide.sleep(seconds)
    core.wait_all_parked()
end

--- A function that tells the seconds since this call.
function testing.elapsed()
    local begin = bide.now()
    return function()
        -- The clock counts nanoseconds; a difference of floats has more digits.
        return math.floor((bide.now() - begin) * 1e9 + 0.5) / 1e9
    end
end

-- -- leaks --------------------------------------------------------------------

-- Open descriptors and what they are, where the system tells.
local function descriptors()
    local found = {}
    local pipe = io.popen(
        "ls -l /proc/$PPID/fd 2>/dev/null | sed -n 's/.* \\([0-9]*\\) -> /\\1 /p'")
    if not pipe then
        return found
    end
    for line in pipe:lines() do
        local fd, what = line:match "^(%d+) (.*)$"
        -- The pipe to the shell that lists them is in no list twice.
        if fd and not what:find "^pipe:" then
            found[tonumber(fd)] = what
        end
    end
    pipe:close()
    return found
end

local function where(task)
    return (task:traceback():match "\n%s*([^\n]-:%d+): in " or "?")
end

-- Adds a line to `found` for all that is left while the loop still runs.
local function look(found)
    local tasks, handles, jobs = core.left()
    for _, task in ipairs(tasks) do
        found[#found + 1] = ("%s is not done: %s"):format(core.describe(task),
            where(task))
    end
    if handles > 0 then
        found[#found + 1] = handles .. " I/O objects are open"
    end
    if jobs > 0 then
        found[#found + 1] = jobs .. " blocking jobs are running"
    end
end

local function look_at_descriptors(found, before)
    local fds = {}
    for fd, what in pairs(descriptors()) do
        if before[fd] ~= what then
            fds[#fds + 1] = ("descriptor %d is open: %s"):format(fd, what)
        end
    end
    table.sort(fds)
    table.move(fds, 1, #fds, #found + 1, found)
end

local function run_checked(main, options)
    local found = {}
    local before = descriptors()
    local results = table.pack(bide.run(function()
        local results = table.pack(main())
        collectgarbage()
        collectgarbage()
        look(found)
        return table.unpack(results, 1, results.n)
    end, options))
    collectgarbage()
    collectgarbage()
    look_at_descriptors(found, before)
    if #found > 0 then
        error("left behind:\n  " .. table.concat(found, "\n  "), 0)
    end
    return table.unpack(results, 1, results.n)
end

-- -- running ------------------------------------------------------------------

local known = {
    seed = true, seeds = true, start = true, virtual_time = true,
    timeout = true, leaks = true, debug = true,
}

local function check_options(options)
    for name in pairs(options) do
        if not known[name] then
            error(("bide.testing: unknown option '%s'"):format(name), 3)
        end
    end
end

local function run(test, options)
    local main = test
    if options.timeout then
        main = function()
            local results = table.pack(bide.timeout(options.timeout, function()
                return true, test()
            end))
            if results[1] ~= true then
                error(("the test took longer than %s s"):format(options.timeout), 0)
            end
            return table.unpack(results, 2, results.n)
        end
    end
    local how = {
        seed = options.seed,
        virtual_clock = options.virtual_time ~= false,
        debug = options.debug,
        signals = false,
    }
    if options.leaks then
        return run_checked(main, how)
    end
    return bide.run(main, how)
end

-- Errors that are strings tell the seed; luaunit's own are tables.
local function with_seed(seed)
    return function(err)
        local note = ("bide: the order of tasks was that of seed %d"):format(seed)
        if type(err) == "string" then
            return err .. "\n" .. note
        elseif type(err) == "table" and type(err.msg) == "string" then
            err.msg = err.msg .. "\n" .. note
        end
        return err
    end
end

local function run_seeded(test, options)
    if not options.seed or options.seed == 0 then
        return run(test, options)
    end
    local results = table.pack(xpcall(run, with_seed(options.seed), test, options))
    if not results[1] then
        error(results[2], 0)
    end
    return table.unpack(results, 2, results.n)
end

--- Runs `test` as a main task, by default on a virtual clock. Options: seed,
--- virtual_time, timeout (seconds, of the clock used), leaks (an error for what
--- is left when it has ended), debug.
function testing.run(test, options)
    options = options or {}
    check_options(options)
    return run_seeded(test, options)
end

--- Runs `test` once for each of many orders of its tasks, until it fails: with
--- the seeds from `start` on, by default a random one. Options: seeds (100),
--- start, and those of run.
function testing.explore(test, options)
    options = options or {}
    check_options(options)
    local start = options.start or math.random(1, 2 ^ 31)
    for seed = start, start + (options.seeds or 100) - 1 do
        local one = {}
        for name, value in pairs(options) do
            one[name] = value
        end
        one.seed = seed
        run_seeded(test, one)
    end
end

--- `test` as a function for a test framework, such as busted's `it`: with
--- `seeds` it explores. BIDE_SEED in the environment sets the seed.
function testing.case(test, options)
    options = options or {}
    check_options(options)
    return function()
        local seed = math.tointeger(tonumber(os.getenv("BIDE_SEED")))
        if seed then
            return testing.explore(test, setmetatable({ start = seed, seeds = 1 },
                { __index = options }))
        elseif options.seeds then
            return testing.explore(test, options)
        end
        return testing.run(test, options)
    end
end

return testing
