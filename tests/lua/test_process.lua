package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local settle = support.settle
local eq, contains = lu.assertEquals, lu.assertStrContains
local spawn = bide.process.spawn

local function run(fn)
    bide.run(function()
        local ok, err = bide.timeout(60, fn)
        lu.assertNotEquals(err, "the deadline passed")
    end)
end

-- What the child says on stdout, and how it ends.
local function output_of(options)
    options.stdout = "pipe"
    local p <close> = assert(spawn(options))
    return p:stdout():read("a"), p:wait()
end

-- The state of a process as the system tells it, or nil.
local function state_of(pid)
    local file <close> = io.open("/proc/" .. pid .. "/stat")
    return file and file:read("a"):match("%) (%a)")
end

-- -- its end ------------------------------------------------------------------

function test_process_gives_its_exit_code()
    run(function()
        local p = assert(spawn { shell = "exit 3" })
        lu.assertTrue(p:pid() > 0)
        eq({ p:stdin(), p:stdout(), p:stderr() }, {})
        eq({ p:wait() }, { nil, "exit", 3 })
        eq({ p:wait() }, { nil, "exit", 3 })
        eq(p:returncode(), 3)
        p = assert(spawn { "sh", "-c", "kill -9 $$" })
        eq({ p:wait() }, { nil, "signal", 9 })
        eq(p:returncode(), -9)
        contains(tostring(p), tostring(p:pid()))
        eq({ assert(spawn { "true" }):wait() }, { true, "exit", 0 })
    end)
end

function test_process_several_tasks_wait()
    run(function()
        local p = assert(spawn { "cat", stdin = "pipe" })
        local tasks = {}
        for i = 1, 3 do
            tasks[i] = bide.spawn(function()
                return p:wait()
            end)
        end
        settle()
        tasks[2]:cancel()
        settle()
        p:stdin():close()
        eq({ tasks[1]:await() }, { true, "exit", 0 })
        eq({ tasks[3]:await() }, { true, "exit", 0 })
        eq((tasks[2]:join()), false)
    end)
end

function test_process_signal_after_its_end_does_nothing()
    run(function()
        local p = assert(spawn { "true" })
        while not p:returncode() do -- without a turn of the loop
            os.execute("sleep 0.01")
        end
        eq(p:signal("TERM"), false)
        eq(p:terminate(), false)
        eq(p:kill(), false)
        p:stop()
        lu.assertErrorMsgContains("new_group", p.signal_group, p, "TERM")
        p:close()
        eq({ p:wait() }, { nil, "the object is closed", "ECLOSED" })
    end)
end

-- -- pipes --------------------------------------------------------------------

function test_process_talks_through_pipes()
    run(function()
        local data = ("0123456789abcdef"):rep(1 << 16)
        local p <close> = assert(spawn { "cat", stdin = "pipe", stdout = "pipe" })
        bide.spawn(function()
            p:stdin():write(data)
            p:stdin():close()
        end)
        lu.assertTrue(p:stdout():read("a") == data)
        eq({ p:wait() }, { true, "exit", 0 })
    end)
end

function test_process_stderr_goes_to_stdout()
    run(function()
        local script = "echo one; echo two >&2"
        eq(output_of { shell = script, stderr = "stdout" }, "one\ntwo\n")
        eq(output_of { shell = script, stderr = "null" }, "one\n")
    end)
end

function test_process_that_closes_its_input_is_an_error()
    run(function()
        local p <close> = assert(spawn {
            shell = "exec <&-; echo; exec sleep 60",
            stdin = "pipe",
            stdout = "pipe",
        })
        p:stdout():readsome()
        local ok, _, code = p:stdin():write("x")
        eq({ ok, code }, { nil, "EPIPE" })
    end)
end

function test_process_takes_a_stream_over()
    run(function()
        local ours, theirs = bide.socketpair()
        local p <close> = assert(spawn { "cat", stdin = theirs, stdout = theirs })
        lu.assertTrue(theirs:closed())
        ours:write("hello")
        eq(ours:read(5), "hello")
        ours:shutdown()
        eq({ p:wait() }, { true, "exit", 0 })
        ours:close()
        ours, theirs = bide.socketpair()
        ours:write("too early")
        eq(theirs:read(3), "too")
        lu.assertErrorMsgContains("read ahead", spawn, { "cat", stdin = theirs })
        lu.assertFalse(theirs:closed())
        ours:close()
        theirs:close()
    end)
end

-- -- how it is started --------------------------------------------------------

function test_process_that_cannot_be_started_is_an_error()
    run(function()
        for _, case in ipairs {
            { { "bide-no-such-program" }, "bide-no-such-program", "ENOENT" },
            { { "/etc/passwd" }, "/etc/passwd", "EACCES" },
            { { "x", file = "/bide" }, "/bide", "ENOENT" },
            { { "true", cwd = "/bide" }, "/bide", "ENOENT" },
            { { "true", stdin = 999 }, "descriptors", "EBADF" },
        } do
            local p, message, code = spawn(case[1])
            eq({ p, code }, { nil, case[3] })
            contains(message, case[2])
        end
    end)
end

function test_process_bad_arguments_are_named()
    run(function()
        for _, case in ipairs {
            { {}, "a program is needed" },
            { { "ls", shell = "ls" }, "either" },
            { { "ls", {} }, "each part of a command" },
            { { "l\0s" }, "zeros" },
            { { "ls", cwd = {} }, "cwd" },
            { { "ls", env = { ["A=B"] = "x" } }, "names in env" },
            { { "ls", env = { A = {} } }, "env 'A'" },
            { { "ls", env = {}, extra_env = {} }, "either" },
            { { "ls", stdin = "stdout" }, "stdin" },
            { { "ls", fds = { [1] = 0 } }, "fds" },
            { { "ls", umask = 512 }, "umask" },
            { { "ls", grace = -1 }, "grace" },
            { { "ls", colour = true }, "unknown option 'colour'" },
        } do
            lu.assertErrorMsgContains(case[2], spawn, case[1])
        end
    end)
end

function test_process_has_the_environment_and_directory_asked_for()
    run(function()
        local shell = "pwd; echo $A$HOME; umask"
        local options = { shell = shell, cwd = "/", umask = tonumber("27", 8) }
        options.env = { A = 1, B = false }
        eq(output_of(options), "/\n1\n0027\n")
        options.env, options.extra_env = nil, { A = "2", HOME = false }
        eq(output_of(options), "/\n2\n0027\n")
        options.extra_env = { A = "3" }
        eq(output_of(options),
            "/\n3" .. (os.getenv("HOME") or "") .. "\n0027\n")
    end)
end

-- Files of Lua's own are not closed on exec.
function test_process_gets_no_other_descriptors()
    run(function()
        local file <close> = assert(io.open("/dev/null"))
        eq(output_of { "ls", "/proc/self/fd" }, "0\n1\n2\n3\n")
        eq(output_of { "cat", stdin = file }, "")
    end)
end

function test_process_gets_the_descriptors_mapped()
    run(function()
        local ours, theirs = bide.socketpair()
        local p <close> = assert(spawn {
            shell = "echo there >&7",
            fds = { [7] = theirs:fd() },
        })
        eq(ours:read("l"), "there")
        eq({ p:wait() }, { true, "exit", 0 })
        ours:close()
        theirs:close()
    end)
end

function test_process_signals_are_at_their_defaults()
    run(function()
        local s <close> = bide.signals("USR1") -- has a handler
        -- A sanitizer loaded into cat would bring handlers of its own.
        local text = output_of { "env", "-u", "LD_PRELOAD", "cat",
            "/proc/self/status" }
        local function mask(name)
            return tonumber(text:match(name .. ":%s*(%x+)"), 16)
        end
        eq(mask("SigBlk"), 0)
        eq(mask("SigCgt"), 0)
        eq(mask("SigIgn") & 0x1000, 0) -- SIGPIPE
    end)
end

-- -- terminals ----------------------------------------------------------------

function test_process_on_a_terminal()
    run(function()
        local p <close> = assert(spawn {
            shell = "stty -echo -onlcr; stty size; read line </dev/tty;"
                .. "echo got $line",
            stdin = "pty",
            stdout = "pty",
            stderr = "pty",
            rows = 30,
            columns = 90,
        })
        lu.assertTrue(p:stdin() == p:stderr())
        eq(p:stdout():read("l"), "30 90")
        p:stdin():write("this\n")
        eq(p:stdout():read("a"), "got this\n")
        eq({ p:wait() }, { true, "exit", 0 })
    end)
end

-- -- ending -------------------------------------------------------------------

function test_process_stop_kills_after_the_grace()
    run(function()
        local start, p
        do
            local stubborn <close> = assert(spawn {
                shell = "trap '' TERM; echo; exec sleep 60",
                stdout = "pipe",
                new_group = true,
                grace = 0.06,
            })
            p = stubborn
            p:stdout():readsome()
            start = bide.now()
        end
        eq(p:returncode(), -9)
        local took = bide.now() - start
        lu.assertTrue(took >= 0.06 and took < 10)
        p = assert(spawn { "sleep", 60 })
        p:stop(60)
        eq({ p:wait() }, { nil, "signal", 15 })
    end)
end

function test_process_group_ends_with_it()
    run(function()
        local p = assert(spawn {
            shell = "sleep 60 & echo; wait",
            stdout = "pipe",
            new_session = true,
        })
        p:stdout():readsome()
        p:signal_group("KILL")
        eq({ p:wait() }, { nil, "signal", 9 })
        eq(p:stdout():read("a"), "") -- the grandchild had it, too
    end)
end

function test_process_leaving_the_block_ends_it()
    run(function()
        local left
        do
            local p <close> = assert(spawn { "cat", stdin = "pipe" })
            left = p
        end
        eq(left:returncode(), -9)
        lu.assertTrue(left:closed())
        lu.assertTrue(left:stdin():closed())
        local task = bide.spawn(function()
            local p <close> = assert(spawn { "sleep", 60 })
            left = p
            p:wait()
        end)
        settle()
        task:cancel()
        eq((task:join()), false)
        eq(left:returncode(), -9)
    end)
end

function test_process_dropped_runs_on_and_is_reaped()
    run(function()
        local p = assert(spawn { "cat", stdin = "pipe" })
        local pid, stdin = p:pid(), p:stdin()
        p = nil
        collectgarbage()
        settle()
        lu.assertEvalToTrue(state_of(pid))
        stdin:close()
        while state_of(pid) do
            bide.sleep(0.001)
        end
    end)
end

function test_process_that_outlives_the_loop_is_reaped()
    local pid
    bide.run(function()
        pid = assert(spawn { "sleep", 0.05 }):pid()
    end)
    lu.assertEvalToTrue(state_of(pid))
    while state_of(pid) do
        os.execute("sleep 0.01")
    end
end

-- -- many ---------------------------------------------------------------------

function test_process_many_in_a_row_leave_nothing()
    run(function()
        local before
        for i = 1, 200 do
            eq(output_of { "true" }, "")
            if i == 10 then
                before = support.descriptors()
            end
        end
        eq(support.descriptors(), before)
    end)
end

-- -- running one to its end ---------------------------------------------------

function test_process_run_gives_output_and_end()
    run(function()
        local r = assert(bide.process.run {
            shell = "cat; echo oops >&2; exit 3",
            input = "hello",
        })
        eq(r, { ok = false, how = "exit", code = 3, stdout = "hello",
            stderr = "oops\n" })
        r = assert(bide.process.run { "true", stdout = "null" })
        eq(r, { ok = true, how = "exit", code = 0, stderr = "" })
        eq(select(3, bide.process.run { "bide-no-such-program" }), "ENOENT")
    end)
end

function test_process_run_does_not_deadlock()
    run(function()
        local data = ("x"):rep(1 << 20)
        local r = assert(bide.process.run {
            shell = "cat >&2; head -c 1000000 /dev/zero; cat /dev/zero "
                .. "| head -c 1000000 >&2",
            input = data,
        })
        eq(#r.stdout, 1000000)
        eq(#r.stderr, (1 << 20) + 1000000)
        r = assert(bide.process.run { "true", input = data }) -- does not read
        eq(r.ok, true)
    end)
end

function test_process_run_keeps_its_limit()
    run(function()
        lu.assertErrorMsgContains("limit", bide.process.run,
            { shell = "echo 12345; sleep 60", limit = 5 })
        eq(bide.process.run({ "echo", "1234", limit = 5 }).stdout, "1234\n")
    end)
end

function test_process_run_cancelled_ends_the_child()
    run(function()
        local start = bide.now()
        local ok, _, code = bide.timeout(0.05, bide.process.run,
            { shell = "sleep 60 & sleep 60", new_group = true })
        eq({ ok, code }, { nil, "ETIMEDOUT" })
        lu.assertTrue(bide.now() - start < 10)
    end)
end

function test_process_run_fails_if_checked()
    run(function()
        local ok, message, code, r = bide.process.run {
            shell = "echo so; echo oops >&2; exit 3", check = true }
        eq({ ok, code }, { nil, "exit" })
        lu.assertStrMatches(message, ".*exit 3: oops")
        eq(r.stdout, "so\n")
        ok, message, code = bide.process.run { "sh", "-c", "kill -TERM $$",
            check = true }
        eq({ ok, code }, { nil, "signal" })
        eq(message, "bide.process.run 'sh': signal 15")
        lu.assertTrue(bide.process.run({ "true", check = true }).ok)
    end)
end

function test_process_run_ends_at_its_timeout()
    run(function()
        local start = bide.now()
        local ok, message, code = bide.process.run { shell = "sleep 60",
            new_group = true, timeout = 0.05 }
        eq({ ok, code }, { nil, "ETIMEDOUT" })
        eq(message, "bide.process.run 'sleep 60': not over after 0.05 s")
        lu.assertTrue(bide.now() - start < 10)
        eq(bide.process.run({ "echo", "a", timeout = 60 }).stdout, "a\n")
        eq(select(3, bide.process.run { "bide-no-such", timeout = 60 }),
            "ENOENT")
        lu.assertErrorMsgContains("'timeout'", bide.process.run,
            { "true", timeout = "soon" })
    end)
end

-- -- what fails ---------------------------------------------------------------

function test_process_cancel_at_every_park()
    for stage = 1, 5 do
        run(function()
            local process
            local reached = 0
            local function at()
                reached = reached + 1
            end
            local victim = bide.spawn(function()
                at()
                local p <close> = assert(spawn {
                    shell = "read line; echo $line; read line; exit 6",
                    stdin = "pipe",
                    stdout = "pipe",
                })
                process = p
                at()
                p:stdin():write("x\n")
                at()
                eq(p:stdout():read("l"), "x")
                at()
                p:stdin():write("y\n")
                at()
                eq({ p:wait() }, { nil, "exit", 6 })
            end)
            while reached < stage do
                bide.yield_now()
            end
            victim:cancel()
            victim:join()
            lu.assertEvalToTrue(not process or process:returncode())
        end)
    end
end

support.finish()
