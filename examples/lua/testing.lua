-- Tests of a rate limiter, with a runner of their own: virtual time, many orders,
-- leak checks. With busted or luaunit, give them `testing.case(test, options)`.
local bide = require "bide"
local testing = require "bide.testing"

-- At most `n` calls in any second.
local function limiter(n)
    local slots = bide.semaphore(n)
    return function(f)
        local permit = slots:acquire()
        bide.spawn(function()
            bide.sleep(1)
            permit:release()
        end)
        return f()
    end
end

local tests = {}

function tests.lets_the_first_ones_through_at_once()
    local limited = limiter(2)
    limited(bide.now)
    assert(limited(bide.now) == 0)
    testing.advance(1)
end

function tests.makes_the_others_wait()
    local limited, times = limiter(2), {}
    do
        local g <close> = bide.scope()
        for i = 1, 6 do
            g:spawn(function() times[i] = limited(bide.now) end)
        end
    end
    table.sort(times)
    assert(table.concat(times, " ") == "0.0 0.0 1.0 1.0 2.0 2.0")
    testing.advance(1)
end

local names = {}
for name in pairs(tests) do
    names[#names + 1] = name
end
table.sort(names)
local failed = 0
for _, name in ipairs(names) do
    local ok, err = pcall(testing.explore, tests[name], { seeds = 50, leaks = false })
    print(ok and "ok" or "FAILED", name, ok and "" or err)
    failed = failed + (ok and 0 or 1)
end
os.exit(failed == 0)
