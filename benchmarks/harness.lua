-- What the bench_*.lua share: contenders, and how a case is timed.
--
--   harness.case("1 task", {
--       bare = function(n) ... end,            -- plain coroutines
--       bide = function(n, bide) ... end,      -- in a task of bide's
--       cqueues = function(n, loop) ... end,   -- in a coroutine of its loop
--       copas = function(n, copas) ... end,    -- in a thread of its
--       luv = function(n, uv) ... end,         -- runs uv's loop by itself
--   })
--   harness.main()
--
-- Each function does n operations and answers their time in ns. Run alone, a
-- bench measures every contender that is installed; `--impl NAME` one, `--list`
-- prints which there are. Each measurement is a line of JSON on stdout.
local harness = {}

-- What one timed run should last, ns.
local QUICK, FULL, REPEATS = 20e6, 100e6, 3
local ORDER = { "bide", "cqueues", "luv", "copas", "bare" }

local cases = {}

-- The CPU time of this process, ns: what a case uses that never waits.
function harness.cpu()
    return os.clock() * 1e9
end

-- `fixed`: the number of operations is part of the case. `clock`: "cpu" if the
-- functions answer CPU time although they wait.
function harness.case(name, contenders, fixed, clock)
    cases[#cases + 1] =
        { name = name, by = contenders, fixed = fixed, clock = clock }
end

local runners = {}

function runners.bare()
    return function(fn, n)
        return fn(n)
    end
end

function runners.bide()
    local found, bide = pcall(require, "bide")
    return found and function(fn, n)
        local elapsed
        bide.run(function()
            elapsed = fn(n, bide)
        end)
        return elapsed
    end
end

function runners.cqueues()
    local found, cqueues = pcall(require, "cqueues")
    return found and function(fn, n)
        local elapsed
        local loop = cqueues.new()
        loop:wrap(function()
            elapsed = fn(n, loop)
        end)
        assert(loop:loop())
        return elapsed
    end
end

function runners.luv()
    local found, uv = pcall(require, "luv")
    return found and function(fn, n)
        return fn(n, uv)
    end
end

-- Debian has copas for Lua up to 5.2; it is plain Lua and works in 5.4.
function runners.copas()
    package.path = package.path .. ";/usr/share/lua/5.2/?.lua"
    local found, copas = pcall(require, "copas")
    return found and function(fn, n)
        local elapsed
        copas.addthread(function()
            elapsed = fn(n, copas)
        end)
        copas.loop()
        return elapsed
    end
end

-- The time of one operation in ns, and how many made a run. The growing runs
-- that find the number are the warm-up.
local function measure(run, fn, budget, fixed)
    local n = fixed or 16
    while not fixed do
        local elapsed = run(fn, n)
        if elapsed >= budget / 2 then
            break
        end
        local factor = budget / math.max(elapsed, 1)
        n = math.floor(n * math.min(10, math.max(2, factor)))
    end
    local samples = {}
    for i = 1, fixed and 1 or REPEATS do
        collectgarbage()
        samples[i] = run(fn, n) / n
    end
    table.sort(samples)
    return samples[(#samples + 1) // 2], n
end

local function parse()
    local options = {}
    for i = 1, #arg do
        if arg[i] == "--full" then
            options.full = true
        elseif arg[i] == "--list" then
            options.list = true
        elseif arg[i] == "--impl" then
            options.impl = arg[i + 1]
        elseif arg[i] == "--case" then
            options.case = arg[i + 1]
        end
    end
    return options
end

-- The contenders that have a case, as a list in JSON.
local function list()
    local names = {}
    for _, who in ipairs(ORDER) do
        for _, case in ipairs(cases) do
            if case.by[who] then
                names[#names + 1] = '"' .. who .. '"'
                break
            end
        end
    end
    print("[" .. table.concat(names, ", ") .. "]")
end

local function measure_case(bench, case, options)
    local line = '{"lang": "lua", "bench": "%s", "case": "%s", '
        .. '"impl": "%s", "ns": %.2f, "n": %d%s}'
    local clock = case.clock and ', "clock": "cpu"' or ""
    for _, who in ipairs(ORDER) do
        local wanted = (options.impl or who) == who
        local fn = case.by[who]
        local run = wanted and fn and runners[who]()
        if run then
            local budget = options.full and FULL or QUICK
            local ns, n = measure(run, fn, budget, case.fixed)
            print(line:format(bench, case.name, who, ns, n, clock))
            io.stdout:flush()
        end
    end
end

function harness.main()
    local bench = arg[0]:match "bench_([%w_]+)%.lua$"
    local options = parse()
    if options.list then
        return list()
    end
    local known = options.impl and runners[options.impl]
    if options.impl and not (known and known()) then
        io.stderr:write("error: ", options.impl, " is not installed\n")
        os.exit(1)
    end
    for _, case in ipairs(cases) do
        if case.name:find(options.case or "", 1, true) then
            measure_case(bench, case, options)
        end
    end
end

return harness
