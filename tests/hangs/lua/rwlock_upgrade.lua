-- A reader wants to write without giving up its read lock.
--
-- expect: task "edit" ({A}) waits for RwLock "table" (made at {B}), which it
--     holds itself
-- expect: {C}: in
local bide = require "bide"

bide.run(function()
    local rows = bide.rwlock "table" -- B
    local edit = bide.spawn({ name = "edit" }, function() -- A
        local reading <close> = rows:read()
        local writing <close> = rows:write() -- C
    end)
    edit:await()
end)
