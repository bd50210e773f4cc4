package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local settle = support.settle
local eq = lu.assertEquals

-- A FIFO, which Linux opens for both directions without waiting: what is
-- written to it can be read from it.
local function fifo()
    local name = os.tmpname()
    os.remove(name)
    assert(os.execute("mkfifo " .. name))
    local file = assert(io.open(name, "r+"))
    file:setvbuf("no")
    return setmetatable({ file = file, name = name }, {
        __close = function(self)
            if io.type(self.file) == "file" then
                self.file:close()
            end
            os.remove(self.name)
        end,
    })
end

-- Fills the FIFO from outside, whose dd does not wait for room.
local function fill(pipe)
    support.shell(("dd if=/dev/zero of=%s oflag=nonblock bs=4096 count=1000")
        :format(pipe.name))
end

local function drain(pipe)
    support.shell(("dd if=%s of=/dev/null iflag=nonblock bs=65536 count=1000")
        :format(pipe.name))
end

local function run(fn)
    return bide.run(function()
        local pipe <close> = fifo()
        local ok, err = bide.timeout(60, fn, pipe)
        lu.assertNotEquals(err, "timeout")
        return ok
    end)
end

local function noting(log, name, wait, fd)
    return bide.spawn(function()
        local ok, message, code = wait(fd)
        log[#log + 1] = name .. (ok and "" or ":" .. code)
    end)
end

function test_readable_wakes_when_data_arrives()
    run(function(pipe)
        local log = {}
        local task = noting(log, "a", bide.wait_readable, pipe.file)
        settle()
        eq(log, {})
        pipe.file:write("x")
        task:await()
        eq(pipe.file:read(1), "x")
    end)
end

function test_readable_with_data_there_does_not_hang()
    run(function(pipe)
        pipe.file:write("x")
        eq(bide.wait_readable(pipe.file), true)
        eq(bide.wait_readable(pipe.file), true)
    end)
end

function test_writable_wakes_when_there_is_room()
    run(function(pipe)
        fill(pipe)
        local log = {}
        local task = noting(log, "a", bide.wait_writable, pipe.file)
        settle()
        eq(log, {})
        drain(pipe)
        task:await()
        eq(log, { "a" })
    end)
end

function test_readiness_in_both_directions_at_once()
    run(function(pipe)
        local log = {}
        local reader = noting(log, "r", bide.wait_readable, pipe.file)
        local writer = noting(log, "w", bide.wait_writable, pipe.file)
        writer:await()
        settle()
        eq(log, { "w" })
        pipe.file:write("x")
        reader:await()
        eq(log, { "w", "r" })
    end)
end

function test_readiness_wakes_all_waiters_in_order()
    run(function(pipe)
        local log, tasks = {}, {}
        for i = 1, 3 do
            tasks[i] = noting(log, tostring(i), bide.wait_readable, pipe.file)
        end
        settle()
        pipe.file:write("x")
        for _, task in ipairs(tasks) do
            task:await()
        end
        eq(log, { "1", "2", "3" })
    end)
end

function test_readiness_cancelled_wait_leaves_the_others()
    run(function(pipe)
        local log = {}
        local a = noting(log, "a", bide.wait_readable, pipe.file)
        local b = noting(log, "b", bide.wait_readable, pipe.file)
        settle()
        a:cancel()
        a:join()
        pipe.file:write("x")
        b:await()
        eq(log, { "b" })
    end)
end

function test_readiness_wakes_when_the_peer_hangs_up()
    run(function()
        local peer <close> = assert(io.popen("read line"))
        -- The end of the command is the end of its output.
        eq(bide.wait_readable(peer), true)
        eq(peer:read("a"), "")
        local sink <close> = assert(io.popen("exec true", "w"))
        eq(bide.wait_writable(sink), true)
    end)
end

function test_readiness_notify_closing_ends_the_waits()
    run(function(pipe)
        fill(pipe)
        drain(pipe)
        local log = {}
        local a = noting(log, "a", bide.wait_readable, pipe.file)
        local b = noting(log, "b", bide.wait_readable, pipe.file)
        settle()
        bide.notify_closing(pipe.file)
        pipe.file:close()
        a:await()
        b:await()
        eq(log, { "a:ECLOSED", "b:ECLOSED" })
        bide.notify_closing(100000)
    end)
end

function test_readiness_of_a_reused_descriptor_ends_the_old_waits()
    run(function(pipe)
        local log = {}
        local old = noting(log, "old", bide.wait_readable, pipe.file)
        settle()
        pipe.file:close()
        local again = assert(io.open(pipe.name, "r+")) -- of the same number
        local new = noting(log, "new", bide.wait_readable, again)
        old:await()
        again:write("x")
        again:flush()
        new:await()
        again:close()
        eq(log, { "old:ECLOSED", "new" })
    end)
end

function test_readiness_of_what_cannot_be_polled_is_an_error()
    run(function(pipe)
        local file <close> = assert(io.open(arg[0]))
        local ok, message, code = bide.wait_readable(file)
        eq({ ok, code }, { nil, "EPERM" })
        lu.assertStrContains(message, "always ready")
        ok, message, code = bide.wait_writable(99999)
        eq({ ok, code }, { nil, "EBADF" })
        lu.assertStrContains(message, "not open")
        lu.assertErrorMsgContains("valid number", bide.wait_readable, -1)
        lu.assertErrorMsgContains("descriptor, file", bide.wait_readable, "x")
        lu.assertErrorMsgContains("descriptor, file", bide.wait_readable, {})
        lu.assertErrorMsgContains("descriptor, file", bide.wait_readable)
        pipe.file:close()
        lu.assertErrorMsgContains("closed", bide.wait_readable, pipe.file)
    end)
    lu.assertErrorMsgContains("bide.run", bide.wait_readable, 0)
    lu.assertError(bide.notify_closing, 0)
end

function test_readiness_of_an_object_with_getfd()
    run(function()
        local object = { getfd = function() return 99999 end }
        eq(select(3, bide.wait_readable(object)), "EBADF")
    end)
end

-- Several commands at once, each read as its output comes.
function test_output_of_commands_is_read_as_it_comes()
    run(function()
        local got = {}
        local g <close> = bide.scope()
        for i = 1, 3 do
            g:spawn(function()
                local command <close> =
                    assert(io.popen(("echo %d; sleep 0.0%d; echo end")
                        :format(i, i)))
                bide.wait_readable(command)
                got[i] = command:read("l")
            end)
        end
        g:close()
        eq(got, { "1", "2", "3" })
    end)
end

support.finish()
