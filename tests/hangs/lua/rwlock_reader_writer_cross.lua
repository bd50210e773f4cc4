-- Each of two tasks reads one table and wants to write to the other.
--
-- expect: task "import" ({E}) waits for RwLock "users" (made at {B})
-- expect: task "export" ({A}), which waits for RwLock "groups" (made at {C})
local bide = require "bide"

local function copy(source, target)
    local one <close> = source:read()
    bide.yield_now()
    local other <close> = target:write()
end

bide.run(function()
    local users = bide.rwlock "users" -- B
    local groups = bide.rwlock "groups" -- C
    local scope <close> = bide.scope()
    scope:spawn({ name = "export" }, copy, users, groups) -- A
    scope:spawn({ name = "import" }, copy, groups, users) -- E
end)
