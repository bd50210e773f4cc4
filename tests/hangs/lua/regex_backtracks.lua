-- A pattern takes for ever, in C.
--
-- env: BIDE_WATCHDOG=50ms
-- hangs
-- expect: bide: the loop is blocked: task "parser" ({A}) has been running for
local bide = require "bide"

local function parse(text)
    return text:find((".-"):rep(30) .. "!")
end

bide.run(function()
    bide.spawn({ name = "parser" }, parse, ("a"):rep(1000)):await() -- A
end)
