package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, run, fs = lu.assertEquals, bide.run, bide.fs

-- A file name of the test's own, with this content.
local function put(data)
    local name = os.tmpname()
    local f = assert(io.open(name, "wb"))
    f:write(data or "")
    f:close()
    return name
end

local function content(name)
    local f <close> = assert(io.open(name, "rb"))
    return f:read("a")
end

-- Runs fn(path) on a file with the content given and removes it.
local function with(data, fn)
    local name = put(data)
    run(function() fn(name) end)
    local got = content(name)
    os.remove(name)
    return got
end

function test_file_reads_what_was_written()
    eq(with("", function(path)
        local f <close> = assert(fs.open(path, "w+"))
        eq(f:write("one\n", "two\n", "three"), f)
        eq(f:seek(), 13)
        eq(f:seek("set"), 0)
        eq(f:readsome(2), "on")
        eq(f:read(), "e")
        eq(f:read(5), "two\nt")
        eq(f:read("a"), "hree")
        eq(f:read("a"), "")
        eq(f:read(0), "")
        eq({ f:read(1) }, { nil, "eof" })
        eq({ f:readsome() }, { nil, "eof" })
        eq(f:close(), true)
        eq(f:closed(), true)
        lu.assertStrContains(tostring(f), "closed")
    end), "one\ntwo\nthree")
end

function test_file_reads_lines()
    with("first\n\nlast", function(path)
        local f <close> = assert(fs.open(path))
        local lines = {}
        for line in f:lines() do
            lines[#lines + 1] = line
        end
        eq(lines, { "first", "", "last" })
        f:seek("set")
        eq({ f:read("L"), f:read("*l"), f:read("L") }, { "first\n", "", "last" })
        eq({ f:read("l") }, { nil, "eof" })
        lu.assertErrorMsgContains("bytes expected", f.read, f, "z")
    end)
end

function test_file_end_is_not_for_ever()
    with("x", function(path)
        local f <close> = assert(fs.open(path))
        eq(f:read("a"), "x")
        eq(f:read("a"), "")
        local other = assert(io.open(path, "wb"))
        other:write("xyz")
        other:close()
        eq(f:read("a"), "yz")
    end)
end

function test_file_append_goes_to_the_end()
    eq(with("ab", function(path)
        local f <close> = assert(fs.open(path, "a+"))
        eq(f:seek(), 2)
        f:seek("set")
        f:write("cd")
        eq(f:seek(), 4)
        eq(f:seek("end", -3), 1)
        eq(f:read("a"), "bcd")
    end), "abcd")
end

function test_file_places_leave_the_position()
    eq(with("0123456789", function(path)
        local f <close> = assert(fs.open(path, "r+b"))
        eq(f:read(2), "01")
        eq(f:pwrite("xy", 3), f)
        eq(f:pread(100, 8), "89")
        eq(f:pread(4, 50), "")
        eq(f:read(4), "2xy5")
    end), "012xy56789")
end

function test_file_truncate_stat_and_sync()
    eq(with("0123456789", function(path)
        local f <close> = assert(fs.open(path, "r+"))
        eq(f:read(1), "0")
        eq(f:truncate(3), f)
        local st = assert(f:stat())
        eq({ st.size, st.type }, { 3, "file" })
        lu.assertTrue(math.abs(st.mtime - os.time()) < 100)
        eq(f:read("a"), "12")
        eq(f:sync(), f)
        eq(f:sync("data"), f)
        f:seek("set", 1)
        f:truncate()
    end), "0")
end

function test_file_large_in_one_piece()
    local data = ("0123456789abcdef"):rep(1 << 16):rep(20)
    eq(#with("", function(path)
        local f <close> = assert(fs.open(path, "w+"))
        f:write(data)
        f:seek("set")
        lu.assertTrue(f:read("a") == data)
    end), #data)
end

function test_file_open_errors()
    with("x", function(path)
        local rows = {
            { path .. ".none", "r", "ENOENT" }, { path .. "/b", "r", "ENOTDIR" },
            { "/tmp", "r", "EISDIR" }, { "/tmp", "w", "EISDIR" },
            { path, "x", "EEXIST" }, { "", "r", "ENOENT" },
        }
        for _, row in ipairs(rows) do
            local f, message, code = fs.open(row[1], row[2])
            eq({ f, code }, { nil, row[3] })
            lu.assertStrContains(message, "open '" .. row[1] .. "': ")
        end
        lu.assertErrorMsgContains("string expected", fs.open)
        lu.assertErrorMsgContains("mode", fs.open, path, "rw")
        lu.assertErrorMsgContains("zero", fs.open, "a\0b")
    end)
end

function test_file_misuse_is_an_error()
    with("x", function(path)
        local f = assert(fs.open(path))
        local ok, message, code = f:write("x")
        eq({ ok, code }, { nil, "EBADF" })
        lu.assertStrContains(message, "write '" .. path .. "': ")
        lu.assertErrorMsgContains("before the start", f.seek, f, "set", -1)
        lu.assertErrorMsgContains("size must be at least 0, not -1", f.truncate, f, -1)
        lu.assertErrorMsgContains("offset must be at least 0, not -1", f.pread, f, 1, -1)
        lu.assertErrorMsgContains("n must be at least 0, not -1", f.read, f, -1)
        lu.assertErrorMsgContains("bide.file", f.read, {})
        eq(f:close(), true)
        eq(f:close(), true)
        for _, name in ipairs { "read", "seek", "stat", "sync", "readsome" } do
            eq(select(3, f[name](f)), "ECLOSED")
        end
        eq(select(3, f:fd()), "ECLOSED")
        lu.assertErrorMsgContains("closed", f:lines())
    end)
end

function test_file_no_space_is_an_error()
    run(function()
        local f <close> = assert(fs.open("/dev/full", "w"))
        local ok, message, code = f:write("x")
        eq({ ok, code }, { nil, "ENOSPC" })
        lu.assertStrContains(message, "write '/dev/full': ")
        eq(select(3, f:seek("set")), "ESPIPE")
    end)
end

function test_file_without_a_position()
    run(function()
        local name = os.tmpname()
        os.remove(name)
        os.execute("mkfifo " .. name)
        local writer = bide.spawn(function()
            local f <close> = assert(fs.open(name, "a"))
            f:write("abc")
        end)
        local f <close> = assert(fs.open(name))
        eq(f:readsome(2), "ab")
        writer:await()
        eq(f:read(9), "c")
        eq(select(3, f:pread(1, 0)), "ESPIPE")
        os.remove(name)
    end)
end

support.finish()
