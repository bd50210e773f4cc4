-- What it costs that hangs are explained: a switch, a lock, a channel operation
--   off                  of a build without diagnostics (BIDE_DIAGNOSTICS=OFF)
--   bide                 as they are by default
--   watchdog and stats   with the watchdog at 100 ms and statistics
--   debug                with debug = true as well
-- Both builds are loaded into this state and take turns, many short runs each; the
-- fastest counts, as what else the machine does only adds. The build without is the
-- tree BIDE_BARE (tools/run --bare makes it); "off" is left out where there is none.
local here = arg[0]:match "^.*/" or "./"
package.path = here .. "?.lua;" .. package.path
local harness = require "harness"

local TASKS = 100
local RUN_NS, QUICK, FULL = 20e6, 15, 61

local function forget()
    for name in pairs(package.loaded) do
        if name == "bide" or name:find "^bide%." then
            package.loaded[name] = nil
        end
    end
end

-- The module of the build without diagnostics, or nil.
local function load_bare()
    local tree = os.getenv "BIDE_BARE" or here .. "../build/bare"
    local path, cpath = package.path, package.cpath
    package.path = tree .. "/lua/?.lua;" .. path
    package.cpath = tree .. "/lua/?.so"
    local found, bare = pcall(require, "bide")
    package.path, package.cpath = path, cpath
    forget()
    return found and bare
end

local cases = {}

function cases.switch(bide, n)
    local yield_now = bide.yield_now
    local start = harness.cpu()
    for _ = 1, n do
        yield_now()
    end
    return harness.cpu() - start
end

function cases.lock(bide, n)
    local mutex = bide.mutex()
    local start = harness.cpu()
    for _ = 1, n do
        mutex:lock()
        mutex:unlock()
    end
    return harness.cpu() - start
end

cases["lock, 100 tasks"] = function(bide, n)
    local mutex, yield_now = bide.mutex(), bide.yield_now
    local start = harness.cpu()
    do
        local group <close> = bide.scope()
        for _ = 1, TASKS do
            group:spawn(function()
                for _ = 1, n // TASKS do
                    mutex:lock()
                    yield_now()
                    mutex:unlock()
                end
            end)
        end
    end
    return harness.cpu() - start
end

function cases.channel(bide, n)
    local queue = bide.channel(1)
    local start = harness.cpu()
    bide.spawn(function()
        for i = 1, n do
            queue:send(i)
        end
    end)
    for _ = 1, n do
        queue:recv()
    end
    return harness.cpu() - start
end

local function runner(bide, how)
    return function(case, n)
        local elapsed
        bide.run(function()
            elapsed = case(bide, n)
        end, how)
        return elapsed
    end
end

-- {name, run} of each.
local function contenders()
    local bare = load_bare()
    local usual = require "bide"
    local all = {
        { "bide", runner(usual) },
        { "watchdog and stats", runner(usual, { watchdog = 0.1, stats = true }) },
        { "debug", runner(usual, { debug = true, stats = true }) },
    }
    if bare then
        table.insert(all, 1, { "off", runner(bare) })
    end
    return all, runner(usual)
end

-- The time of n operations by each contender, and n.
local function measure(all, usual, case, turns)
    local n, least = 1000, {}
    while usual(case, n) < RUN_NS / 2 do
        n = n * 2
    end
    for _ = 1, turns do
        for i, contender in ipairs(all) do
            collectgarbage()
            local took = contender[2](case, n)
            least[i] = math.min(took, least[i] or took)
        end
    end
    return least, n
end

local function main()
    local words = {}
    for i, word in ipairs(arg) do
        words[word] = arg[i + 1] or true
    end
    if (words["--impl"] or "bide") ~= "bide" then
        return -- one run has them all
    end
    local all, usual = contenders()
    local line = '{"lang": "lua", "bench": "diagnostics", "case": "%s", '
        .. '"impl": "%s", "ns": %.2f, "n": %d}'
    for _, name in ipairs { "switch", "lock", "lock, 100 tasks", "channel" } do
        if name:find(words["--case"] or "", 1, true) then
            local turns = words["--full"] and FULL or QUICK
            local least, n = measure(all, usual, cases[name], turns)
            for i, contender in ipairs(all) do
                print(line:format(name, contender[1], least[i] / n, n))
            end
            io.stdout:flush()
        end
    end
end

main()
