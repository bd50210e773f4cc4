-- A task waits for an event, which its owner forgot to set.
--
-- expect: every task waits and nothing can wake one
-- expect: task "client" ... waits for Event "server is up" (made at {B}): ...,
--     for ... s, at {A}
local bide = require "bide"

local function client(up)
    up:wait() -- A
end

local function server()
    bide.sleep(0.01)
end

bide.run(function()
    local up = bide.event "server is up" -- B
    local scope <close> = bide.scope()
    scope:spawn({ name = "client" }, client, up)
    scope:spawn({ name = "server" }, server)
end)
