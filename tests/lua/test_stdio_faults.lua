-- Standard streams: writing to a file, cancelled; TLS over one; and a process
-- that was started without descriptors 0, 1 and 2.
local here = arg[0]:match "^(.-)[^/]*$"
package.path = here .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq = lu.assertEquals

-- Runs `script`, Lua that has bide and the support, under a shell's
-- redirections; what it wrote to `path`.
local function in_child(script, redirections)
    local name, path = os.tmpname(), os.tmpname()
    local file <close> = assert(io.open(name, "w"))
    file:write(
        ("package.path = '%s?.lua;' .. package.path\n"):format(here),
        ("local bide, path = require 'bide', '%s'\n"):format(path),
        script)
    file:close()
    local text, status = support.shell(("(%s %s %s)"):format(arg[-1] or "lua",
        name, redirections:format(path)))
    eq(status, 0, text)
    local out <close> = assert(io.open(path))
    local written = out:read "a"
    os.remove(name)
    os.remove(path)
    return written
end

-- A victim that writes messages to a file; what began is written whole.
local papers = [[
local support = require "support"
local function content()
    local file <close> = assert(io.open(path))
    return file:read "a"
end
support.cancel_at_every_park(function()
    local before, written = #content(), 0
    local s, over = assert(bide.stdout()), bide.event()
    local messages = {}
    for i = 1, 3 do
        messages[i] = string.char(96 + i):rep(100000)
    end
    return {
        pause = support.job_round,
        victim = function()
            local told <close> = setmetatable({}, {
                __close = function() over:set() end })
            for i = 1, 3 do
                assert(s:write(messages[i]))
                written = written + 1
            end
        end,
        tasks = { function()
            over:wait()
            assert(s:shutdown())
            s:close()
        end },
        check = function(outcome)
            local new = content():sub(before + 1)
            assert(outcome == "cancelled" or written == 3)
            assert(new == table.concat(messages, "", 1, written)
                or new == table.concat(messages, "", 1, written + 1))
        end,
    }
end, { virtual_clock = false })
]]

function test_stdio_write_cancel_at_every_park()
    local written = in_child(papers, ">%s")
    eq(#written % 100000, 0)
    lu.assertTrue(#written > 0)
end

function test_stdio_of_a_file_has_no_tls()
    lu.skipIf(not support.has_tls(), "built without TLS")
    local written = in_child([[
        bide.run(function()
            local s <close> = assert(bide.stdout())
            local tls, why, code = s:start_tls(bide.tls.context {},
                { host = "localhost" })
            s:write(tostring(tls), " ", code, " ", why)
            s:shutdown()
        end)
    ]], ">%s")
    lu.assertStrContains(written, "nil ENOTSUP TLS needs a socket")
end

function test_stdio_closed_from_the_start_does_no_harm()
    local written = in_child([[
        local said = {}
        bide.run(function()
            for _, opening in ipairs { "stdin", "stdout", "stderr" } do
                said[#said + 1] = select(3, bide[opening]())
            end
            local a, b = bide.socketpair()
            said[#said + 1] = math.min(a:fd(), b:fd()) > 2 and "above" or "at"
            a:close()
            b:close()
            said[#said + 1] = assert(bide.process.run { "echo", "x" }).stdout
        end)
        local file <close> = assert(io.open(path, "w"))
        file:write(table.concat(said, " "))
    ]], "<&- >&- 2>&-")
    eq(written, "EBADF EBADF EBADF above x\n")
end

support.finish()
