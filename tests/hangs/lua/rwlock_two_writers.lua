-- Two tasks write to two tables, in opposite order.
--
-- expect: task "import" ({E}) waits for RwLock "users" (made at {B}) held by
--     task "export" ({A}), which waits for RwLock "groups" (made at {C}) held
--     by task "import" ({E})
local bide = require "bide"

local function copy(source, target)
    local one <close> = source:write()
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
