-- Several pieces as one write, a disk that fills up, and runs that end while work on
-- files is queued.
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

function test_file_writes_many_buffers_as_one()
    with(function(top)
        local f <close> = assert(fs.open(top .. "/a", "w+"))
        eq(f:write("ab", "", "cde"), f)
        eq(f:write("c", "d", "e"), f)
        eq(f:seek(), 8)
        eq(fs.read_file(top .. "/a"), "abcdecde")
        lu.assertErrorMsgContains("string expected", f.write, f, "x", {})
    end)
end

function test_file_on_a_full_disk_is_an_error()
    with(function(top)
        local disk = top .. "/disk"
        fs.mkdir(disk)
        local text, status = support.shell("mount -t tmpfs -o size=64k none " .. disk)
        lu.skipIf(status ~= 0, "no disk to fill: " .. tostring(text))
        local ok, err = xpcall(function()
            local block = ("x"):rep(128 * 1024)
            local f <close> = assert(fs.open(disk .. "/a", "w+"))
            local done, message, code = f:write(block)
            eq({ done, code }, { nil, "ENOSPC" })
            lu.assertStrContains(message, "write '" .. disk .. "/a'")
            eq(f:seek(), f:stat().size)
            eq(select(3, fs.replace_file(disk .. "/b", block)), "ENOSPC")
            eq(#fs.list(disk), 1) -- nothing was left half
            f:truncate(0)
            eq(f:pwrite("x", 0), f)
        end, debug.traceback)
        support.shell("umount " .. disk)
        assert(ok, err)
    end)
end

-- What 50 tasks were told is written when their run ends.
local function ended(path, rounds, shielded)
    local written = {}
    local function write(f, c)
        f:write(c)
        written[#written + 1] = c
    end
    run(function()
        local f = assert(fs.open(path, "w"))
        for i = 1, 50 do
            bide.spawn(function()
                if shielded then
                    bide.shield(30, write, f, string.char(96 + i % 26))
                else
                    write(f, string.char(96 + i % 26))
                end
            end)
        end
        for _ = 1, rounds do
            bide.yield_now()
        end
    end)
    return table.concat(written)
end

local function content(path)
    local file <close> = assert(io.open(path))
    return file:read("a")
end

function test_file_work_queued_at_the_end_is_not_lost()
    local path = os.tmpname()
    for _, rounds in ipairs { 0, 1, 3, 7, 31, 127 } do
        eq(ended(path, rounds), content(path))
    end
    eq(ended(path, 1, true), content(path))
    eq(#content(path), 50)
    os.remove(path)
end

function test_file_left_open_is_closed_at_the_end()
    local path, block = os.tmpname(), ("x"):rep(128 * 1024)
    local before = run(support.descriptors)
    run(function()
        assert(assert(fs.open(path, "w")):write(block))
    end)
    eq(content(path) == block, true)
    eq(run(support.descriptors), before)
    os.remove(path)
end

support.finish()
