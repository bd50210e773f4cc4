-- bide-top PID: what the tasks of a running program are doing.
--
-- The program has to have a live view: bide.inspect(), or BIDE_INSPECT=1 in its
-- environment; only its own user can look. It draws every second until Ctrl-C;
-- with --once, or into a file, one picture.
local bide = require "bide"
local decode = require "bide.json"

local top = {}

local UNITS <const> = { { 1e-6, 1e9, "%.0f ns" }, { 1e-3, 1e6, "%.0f us" },
    { 1, 1e3, "%.0f ms" }, { 120, 1, "%.1f s" } }

local function seconds(s)
    if not s then
        return ""
    elseif s <= 0 then
        return "0"
    end
    for _, unit in ipairs(UNITS) do
        if s < unit[1] then
            return unit[3]:format(s * unit[2])
        end
    end
    return ("%.0f min"):format(s / 60)
end

local function object_name(o)
    return o.name and ('%s "%s"'):format(o.type, o.name) or o.type
end

local function task_name(task)
    return task.name or "task-" .. task.id
end

local function site(made_at)
    return made_at and ("%s:%d"):format(made_at.file:match("[^/]*$"),
        made_at.line) or ""
end

-- The state of the process; nil and a message that says what would help.
function top.fetch(pid)
    local c <close>, why = bide.unix.connect(bide._inspector_path(pid))
    if not c then
        return nil, ("process %d has no live view (%s): start it with "
            .. "BIDE_INSPECT=1 in its environment, or call bide.inspect() in "
            .. "it, as the same user"):format(pid, why)
    end
    c:write("GET /state.json HTTP/1.1\r\n\r\n")
    local head = c:readuntil("\r\n\r\n") or ""
    local body = c:read("a") or ""
    if not head:find("^HTTP/1.1 200 ") then
        return nil, ("process %d says: %s"):format(pid, body)
    end
    return decode(body)
end

-- What it waits for, who holds that, and what it holds itself.
local function waiting(task, names)
    local words = {}
    for _, wait in ipairs(task.waits) do
        local text = wait.verb .. " " .. object_name(wait.object)
        if wait.task then
            text = text .. " " .. (names[wait.task] or "task-" .. wait.task)
        end
        local holders = {}
        for i, id in ipairs(wait.holders) do
            holders[i] = names[id] or "task-" .. id
        end
        if #holders > 0 then
            text = text .. " held by " .. table.concat(holders, ", ")
        end
        words[#words + 1] = text
    end
    local line, held = table.concat(words, " or "), {}
    for i, h in ipairs(task.holds) do
        held[i] = object_name(h.object)
    end
    if #held == 0 then
        return line
    end
    return line .. (line ~= "" and "; " or "") .. "holds "
        .. table.concat(held, ", ")
end

-- What each task has been busy, by "runtime/task".
local function busy_times(state)
    local times = {}
    for _, runtime in ipairs(state.dump.runtimes) do
        for _, task in ipairs(runtime.tasks) do
            times[runtime.id .. "/" .. task.id] = task.busy
        end
    end
    return times
end

local function rows_of(state, before, gap)
    local rows = {}
    for _, runtime in ipairs(state.dump.runtimes) do
        local names = {}
        for _, task in ipairs(runtime.tasks) do
            names[task.id] = task_name(task)
        end
        for _, task in ipairs(runtime.tasks) do
            local id = runtime.id .. "/" .. task.id
            local share = task.busy and before[id] and gap > 0
                and (task.busy - before[id]) / gap
            rows[#rows + 1] = {
                id = id, name = task_name(task), state = task.state,
                busy = share or 0, spent = task.busy or 0,
                shown = share and ("%.1f %%"):format(100 * share)
                    or seconds(task.busy),
                since = seconds(task.parked), waits = waiting(task, names),
                at = task.at or site(task.made_at),
            }
        end
    end
    table.sort(rows, function(a, b)
        if a.busy ~= b.busy then
            return a.busy > b.busy
        elseif a.spent ~= b.spent then
            return a.spent > b.spent
        end
        return a.id < b.id
    end)
    return rows
end

local function heading(state, lines)
    local dump = state.dump
    lines[1] = ("bide %s  process %d"):format(dump.bide, dump.pid)
    for _, runtime in ipairs(dump.runtimes) do
        local n = runtime.counts
        local line = ("runtime %d (%s): %d tasks, %d ready, %d timers, %d I/O "
            .. "waits, %d jobs on %d threads"):format(runtime.id,
            runtime.language, n.tasks, n.ready, n.timers, n.io_waits, n.jobs,
            n.threads)
        lines[#lines + 1] = runtime.exact and line or line .. "; BLOCKED"
        for _, job in ipairs(runtime.jobs) do
            lines[#lines + 1] = ("  job %s: %s for %s"):format(
                job.name or site(job.made_at), job.state, seconds(job.age))
        end
    end
end

-- The lines of one picture, by busy time since `before`, `gap` seconds ago.
function top.picture(state, before, gap)
    local lines = {}
    heading(state, lines)
    lines[#lines + 1] = ("%7s  %-20s %-8s %7s %7s  %s"):format("ID", "TASK",
        "STATE", "BUSY", "SINCE", "WAITS FOR  -  STANDS AT")
    for _, row in ipairs(rows_of(state, before or {}, gap or 0)) do
        local line = ("%7s  %-20.20s %-8s %7s %7s  %s"):format(row.id, row.name,
            row.state, row.shown, row.since, row.waits)
        lines[#lines + 1] = row.at ~= "" and line .. "  -  " .. row.at or line
    end
    return lines
end

local function draw(lines)
    io.write("\27[H")
    for _, line in ipairs(lines) do
        io.write(line, "\27[K\r\n")
    end
    io.write("\27[J")
    io.flush()
end

local function watch(pid)
    local before, last
    while true do
        local state, why = top.fetch(pid)
        if not state then
            return why
        end
        local now = bide.now()
        draw(top.picture(state, before, last and now - last))
        before, last = busy_times(state), now
        bide.sleep(1)
    end
end

local function once(pid)
    local state, why = top.fetch(pid)
    if state then
        print(table.concat(top.picture(state), "\n"))
    end
    return why
end

-- The program bide-top; its exit status.
function top.main(words)
    local pid, single = nil, false
    for _, word in ipairs(words) do
        if word == "--once" then
            single = true
        else
            pid = math.tointeger(tonumber(word))
        end
    end
    if not pid then
        io.stderr:write("usage: bide-top [--once] PID\n")
        return 2
    end
    local why = bide.run(function()
        return (single and once or watch)(pid)
    end)
    if why then
        io.stderr:write("bide-top: ", why, "\n")
    end
    return why and 1 or 0
end

return top
