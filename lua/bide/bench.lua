-- The quick table: bide beside plain coroutines and, where it is installed,
-- cqueues, on the machine at hand.
--
--   lua -e 'require "bide.bench"()'
--   require "bide.bench" { rounds = 9, seconds = 0.1, progress = false }
--
-- The contenders of a case run in turn, round after round, so that what else
-- the machine does strikes them alike. Shown are medians of CPU time for each
-- operation, and how many times bide's they are, as the median of the rounds'
-- ratios. An echo is a round trip of 1 KiB between two tasks of this process.
local bide = require "bide"

local cases = require "bide.bench_cases"

-- -- contenders --------------------------------------------------------------

-- How a function runs under each of them; nil: not installed.
local function contenders()
    local found, cqueues = pcall(require, "cqueues")
    return {
        { name = "bide", run = bide.run },
        { name = "plain coroutines", run = function(fn) fn() end },
        found and { name = "cqueues", run = function(fn)
            local loop = cqueues.new()
            loop:wrap(function() fn(loop, cqueues) end)
            assert(loop:loop())
        end } or nil,
    }
end

-- -- measuring ---------------------------------------------------------------

-- The CPU seconds of n operations.
local function timed(contender, fn, n)
    collectgarbage()
    local start = os.clock()
    contender.run(function(...) return fn(n, ...) end)
    return os.clock() - start
end

-- How many operations take about `seconds`.
local function calibrate(contender, fn, seconds)
    local n = 2000
    while true do
        local took = timed(contender, fn, n)
        if took >= seconds / 4 then
            return math.max(2000, math.floor(n * seconds / took) // 1000 * 1000)
        end
        n = n * 4
    end
end

local function median(list)
    table.sort(list)
    local mid = (#list + 1) // 2
    return #list % 2 == 1 and list[mid] or (list[mid] + list[mid + 1]) / 2
end

local function show_progress(done, all, what)
    local width = 24
    local filled = done * width // all
    io.stderr:write(("\r[%s%s] %-40s"):format(("#"):rep(filled),
        ("."):rep(width - filled), what))
    io.stderr:flush()
end

-- name -> list of ns for each operation, one for each round.
local function measure(one, by, options, progress)
    local counts, samples = {}, {}
    for _, contender in ipairs(by) do
        counts[contender.name] = calibrate(contender, one.by[contender.name],
            options.seconds)
        samples[contender.name] = {}
    end
    for round = 1, options.rounds do
        progress(("%s, round %d of %d"):format(one.name, round,
            options.rounds))
        for _, contender in ipairs(by) do
            local name = contender.name
            local took = timed(contender, one.by[name], counts[name])
            samples[name][round] = took / counts[name] * 1e9
        end
    end
    return samples
end

local function ratios(ours, theirs)
    local list = {}
    for round, ns in ipairs(ours) do
        list[round] = theirs[round] / ns
    end
    return median(list)
end

-- -- the table ---------------------------------------------------------------

local function cell(samples, name)
    local theirs = samples[name]
    if not theirs then
        return "-"
    end
    local ratio = name ~= "bide" and ratios(samples.bide, theirs)
    local ns = median({ table.unpack(theirs) })
    local text = ns < 10000 and ("%.0f ns"):format(ns)
        or ("%.1f us"):format(ns / 1000)
    return ratio and ("%s %6.1fx"):format(text, ratio) or text
end

local function print_table(results, all)
    local format, heads = "%-24s %10s", { "case", "bide" }
    for _, contender in ipairs(all) do
        if contender.name ~= "bide" then
            format = format .. " %20s"
            heads[#heads + 1] = contender.name
        end
    end
    print(format:format(table.unpack(heads)))
    for _, result in ipairs(results) do
        local row = { result.name }
        for i, contender in ipairs(all) do
            row[i + 1] = cell(result.samples, contender.name)
        end
        print(format:format(table.unpack(row)))
    end
    print(("\n%s, bide %s; CPU time for each operation, x: times bide's.")
        :format(_VERSION, bide.version))
    if not all[3] then
        print("cqueues is not installed: luarocks install cqueues")
    end
end

-- Runs the table; answers {case = {contender = {ns, ...}}}.
return function(options)
    options = setmetatable(options or {}, {
        __index = { rounds = 5, seconds = 0.05, progress = true },
    })
    local all, results, answer = contenders(), {}, {}
    local steps, step = #cases * options.rounds, 0
    local function progress(what)
        if options.progress then
            show_progress(step, steps, what)
        end
        step = step + 1
    end
    for i, one in ipairs(cases) do
        local by = {}
        for _, contender in ipairs(all) do
            if one.by[contender.name] then
                by[#by + 1] = contender
            end
        end
        local samples = measure(one, by, options, progress)
        results[i] = { name = one.name, samples = samples }
        answer[one.name] = samples
    end
    if options.progress then
        io.stderr:write(("\r%-70s\r"):format(""))
    end
    print_table(results, all)
    return answer
end
