-- A cache in front of a slow lookup, protected by a mutex: of all the tasks
-- that want the same missing entry at the same time, one looks it up.
local bide = require "bide"

local lookups = 0

-- Stands for a database or DNS query.
local function slow_lookup(key)
    bide.sleep(0.01)
    lookups = lookups + 1
    return "value of " .. key
end

local Cache = {}
Cache.__index = Cache

function Cache.new()
    return setmetatable({ entries = {}, locks = {} }, Cache)
end

-- One mutex per key, so that different keys do not wait for each other.
function Cache:get(key)
    local value = self.entries[key]
    if value then
        return value
    end
    local lock = self.locks[key]
    if not lock then
        lock = bide.mutex("cache entry " .. key)
        self.locks[key] = lock
    end
    local guard <close> = lock:lock() -- unlocked when the block is left
    value = self.entries[key]         -- someone may have been faster
    if not value then
        value = slow_lookup(key)
        self.entries[key] = value
        self.locks[key] = nil
    end
    return value
end

bide.run(function()
    local cache = Cache.new()
    do
        local g <close> = bide.scope()
        for i = 1, 300 do
            g:spawn(function()
                local key = "user" .. i % 3
                assert(cache:get(key) == "value of " .. key)
            end)
        end
    end
    print(("300 tasks, 3 keys, %d lookups"):format(lookups))
    assert(lookups == 3)
end)
