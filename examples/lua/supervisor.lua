-- A process supervisor: keeps programs running, restarts them with a growing
-- pause when they fail, hands SIGHUP on to them, and ends them all gracefully at
-- SIGINT or SIGTERM.
--
--   lua supervisor.lua programs.lua    a file that returns {web = {"program"}}
--   lua supervisor.lua                 a demonstration, which ends by itself
--
-- Each program is a task; leaving a process' block stops the program (SIGTERM,
-- then SIGKILL when its grace is over) and reaps it, whatever the reason.
local bide = require "bide"

local FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30
local HEALTHY = 10 -- one that ran so long begins with the first pause again
local GRACE = 5

local demonstration = {
    steady = { "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done" },
    flaky = { "sh", "-c", "echo cannot reach the database >&2; exit 1" },
}

local function say(name, what)
    print(name .. ": " .. what)
end

-- Runs the program once.
local function run_once(name, command, running)
    local options = { stdin = "null", stdout = "pipe", stderr = "stdout",
        new_group = true, grace = GRACE, table.unpack(command) }
    local process <close>, message = bide.process.spawn(options)
    if not process then
        return say(name, "cannot be started: " .. message)
    end
    say(name, "started")
    running[name] = process
    for line in process:stdout():lines() do
        say(name, "| " .. line)
    end
    local _, how, code = process:wait()
    say(name, ("ended with %s %d"):format(how, code))
end

-- Runs it for ever; ends when it is cancelled.
local function keep(name, command, running)
    local pause = FIRST_PAUSE
    while true do
        local started = bide.now()
        run_once(name, command, running)
        running[name] = nil
        if bide.now() - started > HEALTHY then
            pause = FIRST_PAUSE
        end
        bide.sleep(pause)
        pause = math.min(2 * pause, LONGEST_PAUSE)
    end
end

-- Until it is time to go.
local function hand_on(caught, running)
    while true do
        local name = caught:wait()
        if name ~= "HUP" then
            return say("supervisor", name .. ", stopping")
        end
        for _, process in pairs(running) do
            process:signal(name)
        end
    end
end

local function supervise(programs)
    local running, tasks = {}, {}
    local caught <close> = bide.signals("INT", "TERM", "HUP")
    for name, command in pairs(programs) do
        tasks[#tasks + 1] = bide.spawn({ name = name }, keep, name, command,
            running)
    end
    hand_on(caught, running)
    for _, task in ipairs(tasks) do
        task:cancel()
    end
    for _, task in ipairs(tasks) do
        task:join()
    end
    say("supervisor", "all have ended")
end

bide.run(function()
    if arg[1] then
        return supervise(dofile(arg[1]))
    end
    local task = bide.spawn(supervise, demonstration)
    bide.sleep(1)
    -- Stands for a kill from outside.
    assert(bide.process.spawn { shell = "kill -TERM $PPID" }):wait()
    task:await()
end)
