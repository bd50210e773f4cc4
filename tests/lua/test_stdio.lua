package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, contains = lu.assertEquals, lu.assertStrContains

-- Runs `script`, Lua that has bide, with what the shell makes its standard
-- streams; its output.
local function in_child(script, redirections)
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "w"))
    file:write('local bide = require "bide"\n', script)
    file:close()
    local result = assert(bide.process.run{
        "/bin/sh", "-c", ("exec %s %s %s"):format(arg[-1], path,
            redirections or "") })
    os.remove(path)
    eq(result.code, 0, result.stderr)
    return result.stdout
end

local function temporary(text)
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "w"))
    file:write(text)
    return path
end

local function content(path)
    local file <close> = assert(io.open(path, "rb"))
    return file:read("a")
end

local upper = [[
bide.run(function()
    local out <close> = assert(bide.stdout())
    local inp <close> = assert(bide.stdin())
    for line in inp:lines("L") do
        out:write(line:upper())
    end
end)
]]

-- -- pipes --------------------------------------------------------------------

function test_open_pipe_connects_two_streams()
    bide.run(function()
        local reader <close>, writer = bide.open_pipe()
        writer:write("through")
        eq(reader:readsome(), "through")
        eq(select(3, writer:shutdown()), "ENOTSOCK")
        writer:close()
        eq({ reader:readsome() }, { nil, "eof" })
    end)
end

function test_open_fifo_never_waits()
    bide.run(function()
        local path = os.tmpname()
        os.remove(path)
        eq(select(3, bide.open_fifo(path, "r")), "ENOENT")
        assert(bide.process.run{ "mkfifo", path }.ok)
        eq(select(3, bide.open_fifo(path, "w")), "ENXIO")
        local reader <close> = assert(bide.open_fifo(path, "r"))
        local reading = bide.spawn(reader.readsome, reader)
        support.settle()
        local writer = assert(bide.open_fifo(path, "w"))
        writer:write("in")
        writer:close()
        eq(reading:await(), "in")
        eq({ reader:readsome() }, { nil, "eof" })
        os.remove(path)
        local _, message, code = bide.open_fifo("/dev/null", "r")
        eq(code, "EINVALID")
        contains(message, "no FIFO")
        lu.assertErrorMsgContains("invalid option", bide.open_fifo, path, "rw")
    end)
end

-- -- standard input and output ------------------------------------------------

function test_stdio_reads_a_file()
    bide.run(function()
        local path = temporary("one\ntwo\n")
        eq(in_child(upper, "<" .. path), "ONE\nTWO\n")
        os.remove(path)
    end)
end

function test_stdio_writes_a_file()
    bide.run(function()
        local from, to = temporary(("x"):rep(300000) .. "\n"), os.tmpname()
        in_child(upper:gsub("lines%(\"L\"%)", "lines(\"L\", 400000)"),
            "<" .. from .. " >" .. to)
        eq(#content(to), 300001)
        os.remove(from)
        os.remove(to)
    end)
end

function test_stdio_full_disk_is_an_error()
    lu.skipIf(not io.open("/dev/full"), "no /dev/full")
    bide.run(function()
        local to = os.tmpname()
        in_child([[
bide.run(function()
    local out = assert(bide.stdout())
    out:write("x")
    io.stderr:write(select(3, out:shutdown()))
end)]], ">/dev/full 2>" .. to)
        eq(content(to), "ENOSPC")
        os.remove(to)
    end)
end

function test_stdio_writes_what_is_left_at_the_end()
    bide.run(function()
        local to = os.tmpname()
        in_child([[
bide.run(function()
    out = assert(bide.stdout())
    out:write_nowait(("x"):rep(300000))
end)]], ">" .. to)
        eq(#content(to), 300000)
        os.remove(to)
    end)
end

-- What the system says about descriptor 0 while it is a stream, and after.
local blocking = [[
local function nonblocking()
    local info <close> = assert(io.open("/proc/self/fdinfo/0"))
    local flags = tonumber(info:read("a"):match("flags:%s*(%d+)"), 8)
    return flags & 2048 ~= 0
end
bide.run(function()
    local inp = assert(bide.stdin())
    inp:readsome()
    local during = nonblocking()
    inp:close()
    print(during, nonblocking())
end)
]]

local has_proc = io.open("/proc/self/fdinfo/0")

function test_stdio_pipe_stays_blocking()
    lu.skipIf(not has_proc, "no /proc")
    bide.run(function()
        local path = temporary(blocking)
        local result = assert(bide.process.run{
            "/bin/sh", "-c", "echo x | " .. arg[-1] ..
            " -e 'bide = require \"bide\"' " .. path })
        eq(result.stderr, "")
        eq(result.stdout, "false\tfalse\n")
        os.remove(path)
    end)
end

function test_stdio_socket_is_blocking_again()
    lu.skipIf(not has_proc, "no /proc")
    bide.run(function()
        local path = temporary(blocking)
        local ours <close>, childs = bide.socketpair()
        ours:write("x")
        local child <close> = assert(bide.process.spawn{
            arg[-1], "-e", 'bide = require "bide"', path,
            stdin = childs, stdout = "pipe" })
        eq(child:stdout():read("a"), "true\tfalse\n")
        child:wait()
        os.remove(path)
    end)
end

function test_stdio_of_what_is_no_stream_is_an_error()
    bide.run(function()
        eq(in_child([[
bide.run(function()
    local _, message, code = bide.stdin()
    print(message, code)
end)]], "</"), "descriptor 0 is no file, pipe, stream socket or terminal\t" ..
            "EINVALID\n")
    end)
    lu.assertErrorMsgContains("bide.stdin", bide.stdin)
end

function test_stdio_terminal_stays_blocking()
    bide.run(function()
        local path = temporary('local bide = require "bide"\n' .. upper)
        local child <close> = assert(bide.process.spawn{
            "/bin/sh", "-c", arg[-1] .. " " .. path .. "; cat /dev/null; cat",
            stdin = "pty", stdout = "pty", stderr = "pty" })
        local terminal = child:stdin()
        terminal:write("line\n")
        eq(terminal:read("l"), "line")
        eq(terminal:read("l"), "LINE")
        terminal:write("\4")
        terminal:write("cat\n") -- which a non-blocking terminal would fail
        eq(terminal:read("l"), "cat")
        eq(terminal:read("l"), "cat")
        terminal:write("\4")
        eq(select(3, child:wait()), 0)
        os.remove(path)
    end)
end

function test_stdio_cancel_at_every_park()
    support.cancel_at_every_park(function()
        local reader, writer = bide.open_pipe()
        local read = 0
        writer:write("aabbcc")
        return {
            tasks = {},
            victim = function()
                for _ = 1, 3 do
                    reader:read(2)
                    read = read + 1
                    bide.yield_now()
                end
            end,
            check = function()
                if read < 3 then
                    eq(reader:read(6 - 2 * read), ("aabbcc"):sub(2 * read + 1))
                end
                reader:close()
                writer:close()
            end,
        }
    end, { virtual_clock = false })
end

-- -- terminals ----------------------------------------------------------------

-- Whether the terminal of `stream` echoes, as stty has it.
local function echoes(stream)
    local result = assert(bide.process.run{
        "stty", "-a", stdin = stream:fd() })
    return not result.stdout:find("-echo[ ;]")
end

function test_pty_dialogue()
    bide.run(function()
        local master <close>, slave = bide.open_pty(30, 90)
        lu.assertTrue(master:is_tty() and slave:is_tty())
        eq({ slave:tty_size() }, { 30, 90 })
        assert(master:set_tty_size(40, 100))
        eq({ slave:tty_size() }, { 40, 100 })
        master:write("ls\n")
        eq(slave:readsome(), "ls\n")
        eq(master:read(4), "ls\r\n")
        slave:write("out")
        eq(master:readsome(), "out")
        master:write("\4")
        eq({ slave:readsome() }, { nil, "eof" })
        slave:close()
        eq({ master:readsome() }, { nil, "eof" })
        lu.assertErrorMsgContains("1 to 65535", bide.open_pty, 0)
        lu.assertErrorMsgContains("1 to 65535", bide.open_pty, 1, 65536)
    end)
end

function test_tty_raw_mode_ends_with_its_streams()
    bide.run(function()
        local master <close>, slave = bide.open_pty()
        lu.assertTrue(echoes(slave))
        assert(slave:set_raw())
        assert(slave:set_raw(true))
        assert(master:set_raw())
        lu.assertFalse(echoes(slave))
        master:write("q\3")
        eq(slave:read(2), "q\3")
        assert(master:set_raw(false))
        lu.assertFalse(echoes(slave))
        slave:close()
        lu.assertTrue(echoes(master))
        local left, right = bide.socketpair()
        lu.assertFalse(left:is_tty())
        eq(select(3, left:set_raw()), "ENOTTY")
        eq(select(3, right:tty_size()), "ENOTTY")
        left:close()
        right:close()
    end)
end

function test_tty_raw_mode_ends_with_the_process()
    local path = temporary([[
local bide = require "bide"
bide.run(function()
    local terminal = assert(bide.stdin())
    assert(terminal:set_raw())
    bide.stdout():write("raw")
    terminal:readsome()
    if arg[1] == "exit" then os.exit(3, false) end
    bide.process.run{ "kill", "-TERM", arg[1] }
end)]])
    for _, how in ipairs{ "exit", "$$" } do
        bide.run(function()
            local master <close>, slave = bide.open_pty()
            local child <close> = assert(bide.process.spawn{
                "/bin/sh", "-c", ("exec %s %s %s"):format(arg[-1], path, how),
                stdin = slave, stdout = "pipe" })
            eq(child:stdout():readsome(), "raw")
            lu.assertFalse(echoes(master))
            master:write("k")
            local _, kind, code = child:wait()
            eq({ kind, code }, how == "exit" and { "exit", 3 } or
                { "signal", 15 })
            lu.assertTrue(echoes(master))
        end)
    end
    os.remove(path)
end

function test_tty_tells_of_a_new_size()
    local path = temporary([[
local bide = require "bide"
bide.run(function()
    local terminal = assert(bide.stdin())
    local next = bide.signals("WINCH")
    local out = assert(bide.stdout())
    out:write("on")
    next()
    out:write(table.concat({ terminal:tty_size() }, " "))
end)]])
    bide.run(function()
        local child <close> = assert(bide.process.spawn{
            arg[-1], path, stdin = "pty", stdout = "pipe" })
        eq(child:stdout():readsome(), "on")
        assert(child:stdin():set_tty_size(50, 120))
        eq(child:stdout():read("a"), "50 120")
        eq(select(3, child:wait()), 0)
    end)
    os.remove(path)
end

support.finish()
