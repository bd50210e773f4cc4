-- Follows log files, as `tail -F` does: prints the lines that are appended to any
-- number of files, through rotation (another file gets the name), truncation and
-- times when a file is not there.
--
--   lua log_tailer.lua /var/log/syslog app.log
--   lua log_tailer.lua --demo
local bide = require "bide"
local fs = bide.fs

-- Waits until something may have become of `name` in its directory. What the system
-- did not keep for us may have been that.
local function heard(changes, name)
    while true do
        for _, change in ipairs(assert(changes:recv_many())) do
            if change.name == name or change.old_name == name
                or change.kind == "overflow" then
                return
            elseif change.kind == "gone" then
                error("the directory of " .. name .. " is gone", 0)
            end
        end
    end
end

local function open_when_there(path, changes, name)
    while true do
        local file, message, code = fs.open(path)
        if file then
            return file
        elseif code ~= "ENOENT" then
            error(message, 0)
        end
        heard(changes, name)
    end
end

-- Whether the name still leads to the open file.
local function is_same(file, path)
    local there, here = fs.stat(path), assert(file:stat())
    return there and there.ino == here.ino and there.dev == here.dev
end

-- Calls emit for lines as they are completed, until the name leads elsewhere.
local function each_line(file, path, wait, emit)
    local begun, replaced = "", false
    while true do
        local piece = file:read("L")
        if piece then
            begun = begun .. piece
            if begun:sub(-1) == "\n" then
                emit((begun:gsub("\r?\n$", "")))
                begun = ""
            end
        elseif replaced then -- and what was written before that has been read
            if begun ~= "" then
                emit(begun)
            end
            return
        elseif file:stat().size < file:seek() then
            file:seek("set") -- truncated
            begun = ""
        else
            replaced = not is_same(file, path)
            if not replaced then
                wait()
            end
        end
    end
end

-- The directory is watched, as another file may get the name; and before the first
-- look, so that nothing happens in between.
local function follow(path, emit, from_end)
    local folder, name = path:match("^(.*)/([^/]*)$")
    local changes <close> = assert(fs.watch(folder == "" and "/" or folder or "."))
    name = name or path
    while true do
        local file <close> = open_when_there(path, changes, name)
        if from_end then
            file:seek("end")
        end
        each_line(file, path, function() heard(changes, name) end, emit)
        from_end = false -- the next file of this name is all news
    end
end

local function tail(paths)
    local group <close> = bide.scope()
    for _, path in ipairs(paths) do
        group:spawn(follow, path, function(line)
            print(#paths > 1 and path .. ": " .. line or line)
            io.stdout:flush()
        end, true)
    end
end

-- Writes a log, rotates and truncates it, and follows it meanwhile.
local function demo()
    local folder = assert(fs.temp_dir("/tmp/bide-tail-"))
    local path, lines = folder .. "/app.log", bide.channel(16)
    local follower = bide.spawn(follow, path, function(line)
        lines:send(line)
    end, false)
    local function expect(...)
        for _, text in ipairs { ... } do
            local line = lines:recv()
            print(line)
            assert(line == text, line)
        end
    end
    fs.append_file(path, "one\ntwo, be")
    expect("one")
    fs.append_file(path, "gun before\n")
    expect("two, begun before")
    fs.append_file(path, "last of the old\n")
    fs.rename(path, path .. ".1")
    fs.write_file(path, "first of the new, a longer line\n")
    expect("last of the old", "first of the new, a longer line")
    fs.write_file(path, "truncated\n")
    expect("truncated")
    follower:cancel()
    assert(fs.remove_tree(folder))
end

if #arg == 0 or arg[1] == "--demo" then
    bide.run(demo)
else
    bide.run(function() tail(arg) end)
end
