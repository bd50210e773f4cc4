package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, run = lu.assertEquals, bide.run

function test_resolve_finds_a_name()
    run(function()
        local found = assert(bide.resolve("localhost", 80))
        lu.assertTrue(#found > 0)
        for _, a in ipairs(found) do
            lu.assertTrue(a.host == "127.0.0.1" or a.host == "::1")
            eq({ a.port, a.family }, { 80, a.host == "::1" and 6 or 4 })
        end
        eq(bide.resolve("localhost")[1].port, 0)
    end)
end

function test_resolve_of_an_address_does_not_wait()
    run(function()
        local ran = false
        bide.spawn(function() ran = true end)
        eq(bide.resolve("127.0.0.1", 80),
            { { host = "127.0.0.1", port = 80, family = 4 } })
        eq(bide.resolve("::1"), { { host = "::1", port = 0, family = 6 } })
        eq(ran, false)
    end)
end

function test_resolve_of_an_unknown_name_is_an_error()
    run(function()
        local ok, message, code = bide.resolve("no-such-host.invalid")
        eq({ ok, code }, { nil, "ENAME" })
        lu.assertStrContains(message, "no-such-host.invalid")
        lu.assertErrorMsgContains("host name", bide.resolve, "")
        lu.assertErrorMsgContains("string expected", bide.resolve)
        lu.assertErrorMsgContains("port", bide.resolve, "localhost", -1)
        lu.assertErrorMsgContains("port", bide.resolve, "localhost", 65536)
    end)
end

function test_resolve_cancelled_leaves_nothing()
    run(function()
        local a = bide.spawn(bide.resolve, "localhost")
        local b = bide.spawn(bide.reverse, "127.0.0.1")
        bide.yield_now()
        a:cancel()
        b:cancel()
        for _, task in ipairs { a, b } do
            local ok, err = task:join()
            eq(ok, false)
            lu.assertStrContains(tostring(err), "cancelled")
        end
    end)
end

function test_resolved_and_dropped_is_freed()
    run(function()
        bide.race(function() bide.resolve("localhost") end,
            function() bide.reverse("127.0.0.1") end)
    end)
end

function test_reverse_finds_a_name()
    run(function()
        local name = assert(bide.reverse("127.0.0.1"))
        lu.assertTrue(#name > 0)
    end)
end

function test_reverse_of_no_address_is_an_error()
    run(function()
        lu.assertErrorMsgContains("numeric", bide.reverse, "localhost")
        lu.assertErrorMsgContains("string expected", bide.reverse)
    end)
end

support.finish()
