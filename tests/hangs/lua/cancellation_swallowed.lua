-- A task swallows its cancellation: it ends at its next wait all the same.
--
-- expect: stubborn false cancelled: enough
local bide = require "bide"

local function stubborn()
    pcall(bide.sleep, 3600)
    bide.sleep(3600)
end

bide.run(function()
    local task = bide.spawn({ name = "stubborn" }, stubborn)
    bide.yield_now()
    task:cancel("enough")
    print(task:name(), task:join())
end)
