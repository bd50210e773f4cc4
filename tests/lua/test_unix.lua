package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, contains = lu.assertEquals, lu.assertStrContains
local settle = support.settle

-- A path for a socket; nothing is there.
local function new_path()
    local path = os.tmpname()
    os.remove(path)
    return path
end

-- The kind and permissions of a file as ls tells them, or nil.
local function mode_of(path)
    local pipe <close> = assert(io.popen("ls -ld '" .. path .. "' 2>&1"))
    return pipe:read("a"):match("^([%-sd]%S+)")
end

local function make_file(path, text)
    local file <close> = assert(io.open(path, "w"))
    file:write(text)
end

-- Runs fn(a, b, srv) with the two ends of a connection to `path`.
local function with_pair(path, fn)
    return bide.run(function()
        local srv <close> = assert(bide.unix.listen(path))
        local a <close> = assert(bide.unix.connect(path))
        local b <close> = assert(srv:accept())
        return fn(a, b, srv)
    end)
end

local function talk(a, b)
    a:write("there")
    b:write("back")
    eq(b:read(5), "there")
    eq(a:readsome(), "back")
    a:shutdown()
    eq({ b:readsome() }, { nil, "eof" })
    b:write("still")
    eq(a:read(5), "still")
end

-- -- talking ------------------------------------------------------------------

function test_unix_echo()
    with_pair(new_path(), talk)
    bide.run(function()
        local path = new_path()
        local srv <close> = assert(bide.unix.listen(path))
        bide.spawn(function()
            srv:serve(function(c)
                for line in c:lines("L") do
                    c:write(line)
                end
            end)
        end)
        local c <close> = assert(bide.unix.connect(path))
        c:write("line\n")
        eq(c:read("l"), "line")
    end)
end

function test_unix_abstract_name()
    local name = "@" .. new_path()
    with_pair(name, function(a, b, srv)
        talk(a, b)
        eq({ srv:address() }, { name })
        eq({ a:peer() }, { name })
    end)
end

function test_unix_addresses_are_told()
    local path = new_path()
    with_pair(path, function(a, b, srv)
        eq({ srv:address() }, { path })
        eq({ a:peer() }, { path })
        eq({ b:address() }, { path })
        eq({ a:address() }, { "" })
        eq({ b:peer() }, { "" })
        eq(tostring(a), "bide.stream to " .. path)
        eq(tostring(b), "bide.stream over descriptor " .. b:fd())
        eq(tostring(srv), "bide.listener on " .. path)
        lu.assertErrorMsgContains("has no port", srv.port, srv)
    end)
end

-- -- the file -----------------------------------------------------------------

function test_unix_file_has_the_mode_asked_for()
    local path = new_path()
    bide.run(function()
        local srv <close> =
            assert(bide.unix.listen(path, { mode = tonumber("622", 8) }))
        eq(mode_of(path), "srw--w--w-")
        lu.assertErrorMsgContains("option 'mode'", bide.unix.listen, path,
            { mode = 4096 })
        lu.assertErrorMsgContains("unknown option 'modes'", bide.unix.listen,
            path, { modes = 1 })
    end)
end

function test_unix_file_is_removed_on_close()
    local path = new_path()
    bide.run(function()
        local srv = assert(bide.unix.listen(path))
        eq(mode_of(path):sub(1, 1), "s")
        srv:close()
        eq(mode_of(path), nil)
        srv = assert(bide.unix.listen(path))
        os.remove(path)
        make_file(path, "")
        srv:close()
        lu.assertNotNil(mode_of(path))
    end)
    os.remove(path)
end

-- A second link keeps the file of a closed listener.
function test_unix_stale_file_is_replaced()
    local path, link = new_path(), new_path()
    bide.run(function()
        local gone = assert(bide.unix.listen(path))
        assert(os.execute("ln '" .. path .. "' '" .. link .. "'"))
        gone:close()
        local _, message, code = bide.unix.connect(link)
        eq(code, "ECONNREFUSED")
        contains(message, "connect to " .. link)
        local srv <close> = assert(bide.unix.listen(link))
        local a <close> = assert(bide.unix.connect(link))
        local b <close> = assert(srv:accept())
        talk(a, b)
    end)
end

function test_unix_path_in_use_is_an_error()
    local path = new_path()
    bide.run(function()
        do
            local srv <close> = assert(bide.unix.listen(path))
            local _, message, code = bide.unix.listen(path)
            eq(code, "EADDRINUSE")
            contains(message, "listen on " .. path)
            local a <close> = assert(bide.unix.connect(path))
        end
        make_file(path, "precious")
        eq(select(3, bide.unix.listen(path)), "EADDRINUSE")
        local file <close> = assert(io.open(path))
        eq(file:read("a"), "precious")
    end)
    os.remove(path)
end

-- -- errors -------------------------------------------------------------------

function test_unix_nobody_there_is_an_error()
    local path = new_path()
    bide.run(function()
        eq(select(3, bide.unix.connect(path)), "ENOENT")
        eq(select(3, bide.unix.connect("@" .. path)), "ECONNREFUSED")
    end)
end

function test_unix_bad_path_is_an_error()
    bide.run(function()
        for _, bad in ipairs { "", "@" } do
            lu.assertErrorMsgContains("is needed", bide.unix.connect, bad)
            lu.assertErrorMsgContains("is needed", bide.unix.listen, bad)
        end
        lu.assertErrorMsgContains("zeros", bide.unix.connect, "a\0b")
        lu.assertErrorMsgContains("string expected", bide.unix.connect, {})
        eq(select(3, bide.unix.connect(("x"):rep(108))), "ENAMETOOLONG")
        eq(select(3, bide.unix.listen("/none/of/this")), "ENOENT")
    end)
end

-- -- a full backlog, cancelling -----------------------------------------------

-- Connects to `path` until a task has to wait for the backlog.
local function fill(path)
    local tasks = {}
    repeat
        local task = bide.spawn(bide.unix.connect, path)
        settle()
        tasks[#tasks + 1] = task
    until not task:done()
    return tasks
end

function test_unix_connect_waits_for_a_full_backlog()
    support.run(function()
        local path = new_path()
        local srv <close> = assert(bide.unix.listen(path, { backlog = 1 }))
        local tasks = fill(path)
        local waiting = tasks[#tasks]
        bide.sleep(1)
        lu.assertFalse(waiting:done())
        for _ = 1, #tasks do
            assert(srv:accept()):close()
        end
        for _, task in ipairs(tasks) do
            assert(task:await()):close()
        end
    end)
end

function test_unix_cancelled_connect_leaves_nothing()
    support.run(function()
        local path = new_path()
        local srv <close> = assert(bide.unix.listen(path, { backlog = 1 }))
        local tasks = fill(path)
        tasks[#tasks]:cancel()
        lu.assertFalse((pcall(tasks[#tasks].await, tasks[#tasks])))
        for i = 1, #tasks - 1 do
            assert(srv:accept()):close()
            assert(tasks[i]:await()):close()
        end
        local accepting = bide.spawn(srv.accept, srv)
        bide.sleep(1)
        lu.assertFalse(accepting:done())
        accepting:cancel()
    end)
end

function test_unix_cancelled_accept_loses_no_connection()
    bide.run(function()
        local path = new_path()
        local srv <close> = assert(bide.unix.listen(path))
        local accepting = bide.spawn(srv.accept, srv)
        settle()
        accepting:cancel()
        local a <close> = assert(bide.unix.connect(path))
        lu.assertFalse((pcall(accepting.await, accepting)))
        local b <close> = assert(srv:accept())
        talk(a, b)
    end)
end

-- -- socketpair, open_fd ------------------------------------------------------

function test_socketpair_connects_two_streams()
    lu.assertErrorMsgContains("bide.run", bide.socketpair)
    bide.run(function()
        local a, b = bide.socketpair()
        talk(a, b)
        eq({ a:peer() }, { "" })
        a:close()
        eq({ b:readsome() }, { nil, "eof" })
        b:close()
    end)
end

-- Runs `code` in another Lua, with `around` as the shell command, in which %s
-- is the interpreter; its output.
local function elsewhere(around, code)
    local script = os.tmpname()
    make_file(script, ("package.path, package.cpath = %q, %q\n")
        :format(package.path, package.cpath) ..
        "local bide = require 'bide'\nbide.run(function()\n" .. code ..
        "\nend)")
    local lua = arg[-1] or "lua"
    local pipe = assert(io.popen(around:format("'" .. lua .. "' " .. script)))
    local output = pipe:read("a")
    pipe:close()
    os.remove(script)
    return output
end

function test_open_fd_takes_a_pipe()
    eq(elsewhere("printf 'one\\ntwo\\n' | %s | cat", [[
        local input <close> = assert(bide.open_fd(0))
        local output <close> = assert(bide.open_fd(1))
        for line in input:lines() do
            assert(output:write("<", line, ">"))
        end
        assert(select(3, input:address()) == "ENOTSOCK")
        assert(select(3, input:write("x")) == "EPIPE")
        output:write("end")
    ]]), "<one><two>end")
end

function test_open_fd_of_what_is_no_stream_is_an_error()
    eq(elsewhere("%s </dev/null", [[
        local stream, message, code = bide.open_fd(0)
        print(stream, code)
        print(message:match("neither a pipe nor a stream socket"))
        print(select(3, bide.open_fd(100000)))
        print(select(2, pcall(bide.open_fd, -1)):match("not a valid number"))
    ]]):gsub("%s+", " "), "nil EINVALID neither a pipe nor a stream socket " ..
        "EBADF not a valid number ")
end

support.finish()
