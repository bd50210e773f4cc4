-- A task fails in the background, and nobody ever asks for its result.
--
-- expect: bide: task "mailer" (spawned at {A}) failed and nobody looked: {B}:
--     no recipient
local bide = require "bide"

local function send_mail()
    error("no recipient") -- B
end

bide.run(function()
    local mailer = bide.spawn({ name = "mailer" }, send_mail) -- A
    while not mailer:done() do
        bide.yield_now()
    end
end)
