-- A condition is waited for without its mutex.
--
-- expect: condition:wait: task "main" does not hold the mutex of condition
--     "stock"
-- expect: {A}: in
local bide = require "bide"

bide.run(function()
    local changed = bide.condition(nil, "stock")
    changed:wait() -- A
end)
