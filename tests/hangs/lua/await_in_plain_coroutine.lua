-- A task awaits inside a coroutine of its own: the yield would end in the wrong
-- resume.
--
-- expect: {A}: bide.sleep called inside a plain coroutine of task "main"
local bide = require "bide"

bide.run(function()
    local next_page = coroutine.wrap(function()
        bide.sleep(1) -- A
    end)
    next_page()
end)
