-- The module built without OpenSSL (BIDE_TLS=OFF) says so; with it there are
-- contexts.
package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

function test_tls_absent_is_said()
    if support.has_tls() then
        lu.assertNotNil(bide.tls.context {})
        return
    end
    bide.run(function()
        for _, answer in ipairs {
            { bide.tls.context {} },
            { bide.tls.connect("127.0.0.1", 1) },
        } do
            lu.assertNil(answer[1])
            lu.assertStrContains(answer[2], "BIDE_TLS=ON")
            lu.assertEquals(answer[3], "ENOTSUP")
        end
        local a, b = bide.socketpair()
        lu.assertNil(a:tls())
        a:close()
        b:close()
    end)
end

support.finish()
