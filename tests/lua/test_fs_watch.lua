package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, run, fs = lu.assertEquals, bide.run, bide.fs

-- Runs fn with the path of a directory "d" in one of its own.
local function with(fn, options)
    run(function()
        local top = assert(fs.temp_dir("/tmp/bide-test-"))
        assert(fs.mkdir(top .. "/d"))
        local ok, err = xpcall(fn, debug.traceback, top .. "/d", top)
        assert(fs.remove_tree(top))
        if not ok then
            error(err, 0)
        end
    end, options)
end

-- A change as one word: "created_a", "renamed_a>b/".
local function told(change)
    local name = change.name .. (change.is_dir and "/" or "")
    if change.old_name then
        name = change.old_name .. ">" .. name
    end
    return change.kind .. (change.name ~= "" and "_" .. name or "")
end

-- What is told until the directory is gone.
local function rest(changes)
    local seen = {}
    for change in changes do
        seen[#seen + 1] = told(change)
    end
    return seen
end

local function touch(path)
    assert(io.open(path, "w")):close()
end

function test_fs_watch_tells_what_changes()
    with(function(d, top)
        local changes <close> = assert(fs.watch(d))
        local f = assert(io.open(d .. "/a", "w"))
        f:write("x")
        f:close()
        fs.mkdir(d .. "/e")
        touch(d .. "/e/below")
        fs.chmod(d .. "/a", 6 * 64)
        os.remove(d .. "/a")
        os.remove(d .. "/e/below")
        os.remove(d .. "/e")
        os.rename(d, top .. "/gone")
        eq(rest(changes), { "created_a", "modified_a", "created_e/",
            "attributes_a", "removed_a", "removed_e/", "gone" })
        eq(changes:closed(), false)
        changes:close()
        eq(changes:closed(), true)
    end)
end

function test_fs_watch_pairs_renames()
    with(function(d, top)
        touch(top .. "/away")
        touch(d .. "/a")
        local seen = {}
        local changes <close> = assert(fs.watch(d))
        os.rename(d .. "/a", d .. "/b")
        os.rename(top .. "/away", d .. "/in")
        os.rename(d .. "/in", top .. "/out")
        fs.mkdir(d .. "/e")
        os.rename(d .. "/e", d .. "/f")
        os.rename(d .. "/b", top .. "/b")
        os.rename(d, top .. "/gone")
        for change in changes do
            seen[#seen + 1] = told(change)
        end
        eq(seen, { "renamed_a>b", "created_in", "removed_in", "created_e/",
            "renamed_e>f/", "removed_b", "gone" })
    end)
end

function test_fs_watch_waits_for_the_other_half_of_a_rename()
    for _, options in ipairs { {}, { virtual_clock = true } } do
        with(function(d, top)
            touch(d .. "/a")
            local changes <close> = assert(fs.watch(d))
            os.rename(d .. "/a", top .. "/a")
            eq(told(changes:recv()), "removed_a")
        end, options)
    end
end

function test_fs_watch_gives_many_at_once()
    with(function(d)
        local changes <close> = assert(fs.watch(d))
        for i = 1, 5 do
            fs.mkdir(d .. "/" .. i)
        end
        local some = changes:recv_many(2)
        eq({ #some, some[1].name, some[2].name }, { 2, "1", "2" })
        eq(#changes:recv_many(), 3)
    end)
end

function test_fs_watch_tells_an_overflow()
    local file <close> = io.open("/proc/sys/fs/inotify/max_queued_events")
    local room = file and file:read("n")
    lu.skipIf(not room or room > 200000,
        "the system's queue is too long to fill, or not known")
    with(function(d)
        local a, b = assert(io.open(d .. "/a", "w")), assert(io.open(d .. "/b", "w"))
        a:setvbuf("no")
        b:setvbuf("no")
        local changes <close> = assert(fs.watch(d))
        for i = 0, room do
            (i % 2 == 0 and a or b):write("x")
        end
        local seen, change = 0, changes:recv()
        while change.kind ~= "overflow" do
            seen, change = seen + 1, changes:recv()
        end
        a:close()
        b:close()
        os.remove(d .. "/b")
        eq({ seen, change.name, told(changes:recv()) }, { room, "", "removed_b" })
    end)
end

function test_fs_watch_ends_when_the_directory_is_gone()
    with(function(d)
        local changes <close> = assert(fs.watch(d))
        local a, b = bide.spawn(rest, changes), bide.spawn(rest, changes)
        bide.yield_now()
        os.remove(d)
        eq({ a:await(), b:await() }, { { "gone" }, {} })
        eq({ changes:recv() }, { nil, "eof" })
        eq({ changes:recv_many() }, { nil, "eof" })
    end)
end

function test_fs_watch_close_ends_the_waits()
    with(function(d)
        local changes = assert(fs.watch(d))
        local a = bide.spawn(changes.recv, changes)
        local b = bide.spawn(rest, changes)
        bide.yield_now()
        changes:close()
        changes:close()
        local change, message, code = a:await()
        eq({ change, code }, { nil, "ECLOSED" })
        lu.assertStrContains(message, "closed")
        eq(b:await(), {})
        eq(select(3, changes:recv_many()), "ECLOSED")
    end)
end

function test_fs_watch_several_on_one_directory()
    with(function(d)
        local first <close>, second = assert(fs.watch(d)), assert(fs.watch(d))
        fs.mkdir(d .. "/a")
        local later <close> = assert(fs.watch(d))
        fs.rmdir(d .. "/a")
        fs.rmdir(d)
        eq(rest(later), { "removed_a/", "gone" })
        eq(rest(second), { "created_a/", "removed_a/", "gone" })
        second:close()
        eq(rest(first), { "created_a/", "removed_a/", "gone" })
    end)
end

function test_fs_watch_gives_each_change_to_one_task()
    with(function(d)
        local changes <close> = assert(fs.watch(d))
        local a = bide.spawn(changes.recv, changes)
        local b = bide.spawn(changes.recv, changes)
        bide.yield_now()
        fs.mkdir(d .. "/1")
        fs.mkdir(d .. "/2")
        eq({ told(a:await()), told(b:await()) }, { "created_1/", "created_2/" })
    end)
end

function test_fs_watch_cancelled_wait_loses_nothing()
    with(function(d, top)
        local changes <close> = assert(fs.watch(d))
        local task = bide.spawn(changes.recv, changes)
        bide.yield_now()
        task:cancel()
        eq(task:join(), false)
        fs.mkdir(d .. "/a")
        os.rename(d, top .. "/gone")
        eq(rest(changes), { "created_a/", "gone" })
    end)
end

-- A race ends a task that was granted changes which it has not taken.
function test_fs_watch_dropped_changes_go_to_the_next()
    with(function(d, top)
        local changes <close> = assert(fs.watch(d))
        local task = bide.spawn(changes.recv_many, changes, 2)
        bide.yield_now()
        fs.mkdir(d .. "/1")
        fs.mkdir(d .. "/2")
        task:cancel()
        local ok, some = task:join()
        os.rename(d, top .. "/gone")
        local seen = rest(changes)
        if ok then
            for i = #some, 1, -1 do
                table.insert(seen, 1, told(some[i]))
            end
        end
        eq(seen, { "created_1/", "created_2/", "gone" })
    end)
end

-- Every change is seen once, by the victim or by who comes after it.
local function watching(d)
    local there, over = bide.event(), bide.event()
    local changes
    local seen = {}
    local function work()
        changes = assert(fs.watch(d))
        there:set()
        for _ = 1, 3 do
            fs.mkdir(d .. "/x")
            fs.rmdir(d .. "/x")
        end
        over:wait()
        while #seen < 6 do
            for _, change in ipairs(changes:recv_many()) do
                seen[#seen + 1] = told(change)
            end
        end
        changes:close()
    end
    local function victim()
        local leaving = { __close = function() over:set() end }
        local _ <close> = setmetatable({}, leaving)
        fs.watch(d):close()
        there:wait()
        for _ = 1, 3 do
            seen[#seen + 1] = told(changes:recv())
        end
    end
    return {
        tasks = { work },
        victim = victim,
        pause = support.job_round,
        check = function()
            local a, b = "created_x/", "removed_x/"
            eq(seen, { a, b, a, b, a, b })
        end,
    }
end

function test_fs_watch_cancel_at_every_park()
    local d = run(function()
        return assert(fs.temp_dir("/tmp/bide-test-"))
    end)
    support.cancel_at_every_park(function()
        return watching(d)
    end)
    assert(os.remove(d))
end

function test_fs_watch_errors()
    with(function(d)
        local changes, message, code = fs.watch(d .. "/none")
        eq({ changes, code }, { nil, "ENOENT" })
        lu.assertStrContains(message, "watch '" .. d .. "/none': ")
        touch(d .. "/file")
        eq(select(3, fs.watch(d .. "/file")), "ENOTDIR")
        lu.assertErrorMsgContains("string expected", fs.watch)
        lu.assertErrorMsgContains("zero", fs.watch, "a\0b")
        local open <close> = fs.watch(d)
        lu.assertErrorMsgContains("at least 1", open.recv_many, open, 0)
        lu.assertErrorMsgContains("bide.changes expected", open.recv, 3)
    end)
end

function test_fs_watch_names_the_limit_that_is_reached()
    local program = os.tmpname()
    local file <close> = assert(io.open(program, "w"))
    file:write('local bide = require "bide"\n',
        'bide.run(function() print(bide.fs.watch("/")) end)\n')
    file:close()
    local lua = arg[-1]
    local command = "echo 0 > /proc/sys/user/max_inotify_watches && exec "
        .. lua .. " " .. program
    local pipe = assert(io.popen("unshare -Ur sh -c '" .. command .. "' 2>&1"))
    local text = pipe:read("a")
    local ok = pipe:close()
    os.remove(program)
    lu.skipIf(not ok, "the limit of watches cannot be lowered here: " .. text)
    lu.assertStrContains(text, "fs.inotify.max_user_watches")
    lu.assertStrContains(text, "ENOSPC")
end

support.finish()
