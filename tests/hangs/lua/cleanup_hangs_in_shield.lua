-- Cleanup waits for ever; the shield around it has a deadline.
--
-- expect: server false timeout
local bide = require "bide"

local function serve()
    local cleanup <close> = setmetatable({}, { __close = function()
        bide.shield(0.1, function()
            bide.event("flushed"):wait()
        end)
    end })
    bide.sleep(3600)
end

bide.run(function()
    local task = bide.spawn({ name = "server" }, serve)
    bide.yield_now()
    task:cancel("enough")
    print(task:name(), task:join())
end)
