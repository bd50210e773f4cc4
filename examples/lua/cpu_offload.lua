-- CPU work on other threads while the loop goes on serving.
--
-- spawn_blocking copies the function and its upvalues into another Lua state.
-- bide.cancelled() lets a long computation notice that nobody waits any more.
local bide = require "bide"

local LIMIT = 200000

local function count_primes(from, to)
    local count = 0
    for n = math.max(from, 2), to do
        local prime = true
        local d = 2
        while d * d <= n do
            if n % d == 0 then
                prime = false
                break
            end
            d = d + 1
        end
        if prime then
            count = count + 1
        end
        if n % 1000 == 0 and bide.cancelled() then
            return count
        end
    end
    return count
end

bide.run(function()
    -- Something else that must not stop meanwhile.
    local ticks = 0
    local ticker = bide.spawn(function()
        while true do
            bide.sleep(0.001)
            ticks = ticks + 1
        end
    end)

    -- Four parts at once, each on a thread of the pool.
    local part = LIMIT // 4
    local parts = {}
    for i = 0, 3 do
        parts[i + 1] = function()
            return bide.spawn_blocking(count_primes, i * part + 1,
                (i + 1) * part)
        end
    end
    local total = 0
    for _, count in ipairs(bide.gather(parts)) do
        total = total + count
    end
    ticker:cancel()
    print(("%d primes up to %d; the loop ticked %d times meanwhile"):format(
        total, LIMIT, ticks))
    assert(total == 17984 and ticks > 0)

    -- An error comes back with the traceback of the thread it was raised in.
    local ok, err = pcall(bide.spawn_blocking, function(n)
        return n .. nil
    end, 1)
    print("an error over there:", ok, (err:match("[^\n]*")))
end)
