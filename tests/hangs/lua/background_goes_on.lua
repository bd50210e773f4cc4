-- A heartbeat goes on, but it is of the background: nobody is left that could
-- wake the others, and the report has it last.
--
-- expect: every task waits and nothing can wake one
-- expect: task "main" ... waits for Event "news" (made at {B}): wait, for ... s, at
--     {C} task "heartbeat" ({D}), of the background, waits for timer: sleep, for
--     ... s, at {E}
local bide = require "bide"

local function beat()
    while true do
        bide.sleep(3600) -- E
    end
end

bide.run(function()
    bide.spawn({ name = "heartbeat", background = true }, beat) -- D
    local news = bide.event "news" -- B
    news:wait() -- C
end)
