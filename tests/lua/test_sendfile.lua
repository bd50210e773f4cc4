-- Files sent to streams.
package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, fs, settle = lu.assertEquals, bide.fs, support.settle
local BIG = ("0123456789abcdef!"):rep(6 << 16)

local function same(got, wanted)
    lu.assertTrue(got == wanted) -- without printing megabytes
end

-- Runs fn(a, b, f) on the two ends of a connection and a file.
local function with(content, fn)
    local path = os.tmpname()
    local out = assert(io.open(path, "wb"))
    out:write(content)
    out:close()
    support.with_pair(function(a, b)
        local f <close> = assert(fs.open(path, "r+"))
        fn(a, b, f, path)
    end)
    os.remove(path)
end

local function sending(a, f)
    return bide.spawn(function() return assert(a:sendfile(f)) end)
end

function test_sendfile_sends_a_file_or_a_range()
    with("abcde", function(a, b, f)
        f:seek("set", 2)
        eq(a:sendfile(f), 5)
        eq(a:sendfile(f, 1, 3), 3)
        eq(a:sendfile(f, 3, nil), 2)
        eq(a:sendfile(f, 0, 0), 0)
        eq(b:read(10), "abcdebcdde")
        eq(f:seek(), 2)
    end)
end

function test_sendfile_ends_where_the_file_ends()
    with("abcde", function(a, b, f)
        eq(a:sendfile(f, 3, 1 << 40), 2)
        eq(a:sendfile(f, 9), 0)
        eq(a:sendfile(f, 9, 1), 0)
        a:write("x")
        eq(b:read(3), "dex")
    end)
end

function test_sendfile_keeps_its_place_among_writes()
    with(BIG, function(a, b, f)
        local first = bide.spawn(a.write, a, BIG)
        local second = sending(a, f)
        local third = bide.spawn(a.write, a, "then")
        local fourth = sending(a, f)
        bide.spawn(a.shutdown, a)
        settle()
        eq({ first:done(), second:done(), third:done(), fourth:done() },
            { false, false, false, false })
        same(b:read("a"), BIG .. BIG .. "then" .. BIG)
        eq(second:await(), #BIG)
        eq(fourth:await(), #BIG)
    end)
end

function test_sendfile_of_what_is_not_in_memory()
    with(BIG, function(a, b, f, path)
        f:sync()
        support.shell("dd of=" .. path .. " oflag=nocache conv=notrunc,fdatasync count=0")
        local task = sending(a, f)
        same(b:read(#BIG), BIG)
        eq(task:await(), #BIG)
    end)
end

function test_sendfile_of_a_file_that_is_closed_meanwhile()
    with(BIG, function(a, b, f)
        local task = sending(a, f)
        settle()
        f:close()
        eq(task:done(), false)
        same(b:read(#BIG), BIG)
        eq(task:await(), #BIG)
    end)
end

function test_sendfile_cancelled_keeps_the_stream_in_step()
    with(BIG, function(a, b, f)
        local task = sending(a, f)
        settle()
        task:cancel()
        eq(task:join(), false)
        f:close()
        local writing = bide.spawn(a.write, a, "next")
        same(b:read(#BIG + 4), BIG .. "next")
        writing:await()
        eq(a:unsent(), 0)
    end)
end

function test_sendfile_cancelled_in_the_queue_sends_nothing()
    with("never", function(a, b, f)
        bide.spawn(a.write, a, BIG)
        local task = sending(a, f)
        bide.spawn(a.write, a, "next")
        settle()
        task:cancel()
        eq(task:join(), false)
        same(b:read(#BIG + 4), BIG .. "next")
    end)
end

function test_sendfile_to_a_stream_that_is_closed()
    with(BIG, function(a, _, f)
        local tasks = {}
        for i = 1, 2 do
            tasks[i] = bide.spawn(function() return select(3, a:sendfile(f)) end)
        end
        settle()
        a:close()
        eq(tasks[1]:await(), "ECLOSED")
        eq(tasks[2]:await(), "ECLOSED")
        eq(select(3, a:sendfile(f)), "ECLOSED")
    end)
end

function test_sendfile_to_a_peer_that_resets()
    with(BIG, function(a, b, f)
        local task = bide.spawn(function() return select(3, a:sendfile(f)) end)
        settle()
        b:close() -- with bytes it has not read: a reset
        lu.assertTableContains({ "ECONNRESET", "EPIPE" }, task:await())
    end)
end

function test_sendfile_refuses_what_it_cannot_send()
    with("abcde", function(a, _, f)
        local function fails(message, ...)
            lu.assertErrorMsgContains(message, a.sendfile, a, ...)
        end
        fails("bide.file expected", "a")
        fails("bide.file expected", nil)
        fails("offset must be at least 0, not -1", f, -1)
        fails("leave it out", f, 0, -1)
        fails("number", f, "x")
        f:close()
        eq(select(3, a:sendfile(f)), "EBADF")
        local null <close> = assert(fs.open("/dev/null", "r"))
        eq(select(3, a:sendfile(null)), "ESPIPE")
    end)
end

function test_sendfile_to_a_pipe()
    with(BIG, function(_, _, f)
        local p <close> = assert(bide.process.spawn {
            "cat", stdin = "pipe", stdout = "pipe" })
        bide.spawn(function()
            eq(p:stdin():sendfile(f), #BIG)
            p:stdin():close()
        end)
        same(p:stdout():read("a"), BIG)
        local a, b = bide.socketpair()
        local task = sending(a, f)
        same(b:read(#BIG), BIG)
        eq(task:await(), #BIG)
        a:close()
        b:close()
    end)
end

local PART = BIG:sub(1, 300000)

function test_sendfile_cancelled_anywhere()
    local path = os.tmpname()
    local out = assert(io.open(path, "wb"))
    out:write(PART)
    out:close()
    support.cancel_at_every_park(function()
        local a, b = bide.socketpair()
        local got
        return {
            pause = support.job_round,
            tasks = { function()
                got = b:read("a") or ""
                b:close()
            end },
            victim = function()
                local guard <close> = a
                local f <close> = assert(fs.open(path))
                assert(a:sendfile(f))
            end,
            check = function(outcome)
                same(got, PART:sub(1, #got))
                lu.assertTrue(outcome == "cancelled" or #got == #PART)
            end,
        }
    end)
    os.remove(path)
end

support.finish()
