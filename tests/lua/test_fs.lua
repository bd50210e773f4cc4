package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, run, fs = lu.assertEquals, bide.run, bide.fs

-- Runs fn in a directory of its own.
local function with(fn)
    run(function()
        local folder = assert(fs.temp_dir("/tmp/bide-test-"))
        local ok, err = xpcall(fn, debug.traceback, folder)
        assert(fs.remove_tree(folder))
        if not ok then
            error(err, 0)
        end
    end)
end

local function code(ok, _, name)
    eq(ok, nil)
    return name
end

function test_fs_makes_and_removes_directories()
    with(function(top)
        local a = top .. "/a"
        eq(fs.mkdir(a), true)
        local ok, message, why = fs.mkdir(a)
        eq({ ok, why }, { nil, "EEXIST" })
        lu.assertStrContains(message, "mkdir '" .. a .. "': ")
        eq(code(fs.mkdir(a .. "/b/c")), "ENOENT")
        eq(fs.makedirs(a .. "/b/c"), true)
        eq(fs.makedirs(a .. "/b/c"), true)
        fs.write_file(a .. "/b/c/f", "x")
        fs.symlink(top, a .. "/b/up")
        eq(code(fs.rmdir(a)), "ENOTEMPTY")
        eq(fs.remove_tree(a), true)
        eq(fs.exists(a), false)
        eq(fs.exists(top), true)
        eq(code(fs.remove_tree(a)), "ENOENT")
    end)
end

function test_fs_lists_a_directory()
    with(function(top)
        eq(fs.list(top), {})
        for i = 1, 50 do
            fs.write_file(top .. "/file-" .. i, "")
        end
        fs.mkdir(top .. "/dir")
        fs.symlink("nowhere", top .. "/link")
        local types, n = {}, 0
        for _, entry in ipairs(assert(fs.list(top))) do
            types[entry.name], n = entry.type, n + 1
        end
        eq(n, 52)
        eq({ types["file-7"], types.dir, types.link },
            { "file", "directory", "link" })
        eq(code(fs.list(top .. "/file-7")), "ENOTDIR")
    end)
end

local function fill(top)
    for i = 1, 1000 do
        assert(io.open(top .. "/file-" .. i, "w")):close()
    end
end

function test_fs_scans_in_pieces()
    with(function(top)
        fill(top)
        local seen, n = {}, 0
        for entry in assert(fs.scandir(top)) do
            eq({ entry.type, seen[entry.name] }, { "file" })
            seen[entry.name], n = true, n + 1
        end
        eq(n, 1000)
        local before = support.descriptors()
        for _ in assert(fs.scandir(top)) do
            break
        end
        eq(support.descriptors(), before)
        eq(code(fs.scandir(top .. "/file-1")), "ENOTDIR")
        local walk = assert(fs.scandir(top))
        walk:close()
        eq({ walk(), walk:closed() }, { nil, true })
    end)
end

function test_fs_scan_cancelled_loses_nothing()
    with(function(top)
        fill(top)
        local seen, n = {}, 0
        local walk <close> = assert(fs.scandir(top))
        local function note(entry)
            if entry then
                eq(seen[entry.name], nil)
                seen[entry.name], n = true, n + 1
            end
            return entry
        end
        for _ = 1, 3 do
            local task = bide.spawn(function() note(walk()) end)
            bide.yield_now()
            task:cancel()
            task:join()
        end
        repeat -- a read that nobody waits for may be out
            local ok, entry = pcall(walk)
            if not ok then
                lu.assertStrContains(entry, "another task")
                bide.yield_now()
            end
        until ok and not note(entry)
        eq(n, 1000)
    end)
end

function test_fs_renames_links_and_copies()
    with(function(top)
        local a, b, c = top .. "/a", top .. "/b", top .. "/c"
        fs.write_file(a, ("content"):rep(100000))
        eq(fs.rename(a, b), true)
        eq(code(fs.rename(a, c)), "ENOENT")
        eq(fs.link(b, a), true)
        eq(fs.stat(a).nlink, 2)
        eq(fs.symlink("b", c), true)
        eq(fs.readlink(c), "b")
        eq({ fs.lstat(c).type, fs.stat(c).type }, { "link", "file" })
        eq(code(fs.copy_file(a, b)), "EINVAL")
        fs.unlink(c)
        eq(fs.copy_file(a, c), true)
        lu.assertTrue(fs.read_file(c) == fs.read_file(a))
        eq(code(fs.copy_file(top, c)), "EISDIR")
        eq(fs.chmod(c, 6 * 64), true)
        eq(fs.utime(c, 1.5, 2.25), true)
        local st = fs.stat(c)
        eq({ st.mode, st.atime, st.mtime }, { 6 * 64, 1.5, 2.25 })
    end)
end

function test_fs_whole_files()
    with(function(top)
        local a = top .. "/a"
        eq(code(fs.read_file(a)), "ENOENT")
        for _, size in ipairs { 0, 10, 70000, 3000000 } do
            local data = ("x"):rep(size)
            eq(fs.write_file(a, data), true)
            lu.assertTrue(fs.read_file(a) == data)
        end
        fs.write_file(a, "ab")
        fs.append_file(a, "cd")
        eq(fs.read_file(a), "abcd")
        fs.chmod(a, 6 * 64)
        eq(fs.replace_file(a, "new"), true)
        eq({ fs.read_file(a), fs.stat(a).mode }, { "new", 6 * 64 })
        eq(#fs.list(top), 1)
        lu.assertStrContains(fs.read_file("/proc/self/comm"), "lua")
        eq(code(fs.read_file(top)), "EISDIR")
        eq(code(fs.write_file("/dev/full", "x")), "ENOSPC")
    end)
end

function test_fs_temporary_things_are_removed()
    with(function(top)
        local file = assert(fs.temp_file(top .. "/p"))
        eq({ fs.stat(file).mode, fs.stat(file).size }, { 6 * 64, 0 })
        eq(fs.stat(assert(fs.temp_dir(top .. "/d"))).mode, 7 * 64)
        eq(code(fs.temp_file(top .. "/none/p")), "ENOENT")
        os.remove(file)
        local before = #fs.list(top)
        local ok, err = pcall(function()
            local dir <close> = assert(fs.temporary_directory(top .. "/d"))
            local one <close> = assert(fs.temporary_file(top .. "/f"))
            eq({ fs.stat(dir:path()).mode, fs.stat(one:path()).mode },
                { 7 * 64, 6 * 64 })
            eq(tostring(dir), dir:path())
            fs.write_file(dir:path() .. "/x", "")
            os.remove(one:path())
            error("out", 0)
        end)
        eq({ ok, err }, { false, "out" })
        eq(bide.timeout(0.01, function()
            local dir <close> = assert(fs.temporary_directory(top .. "/d"))
            bide.sleep(60)
        end), nil)
        eq(#fs.list(top), before)
        eq(code(fs.temporary_file(top .. "/none/p")), "ENOENT")
        local usual = assert(fs.temporary_directory())
        eq(fs.exists(usual:path()), true)
        usual:close()
        usual:close()
        eq(fs.exists(usual:path()), false)
    end)
end

function test_fs_bad_arguments()
    with(function()
        lu.assertErrorMsgContains("string expected", fs.stat)
        lu.assertErrorMsgContains("zero", fs.unlink, "a\0b")
        lu.assertErrorMsgContains("string expected", fs.rename, "a")
        lu.assertErrorMsgContains("number expected", fs.chmod, "a")
    end)
end

support.finish()
