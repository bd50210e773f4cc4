-- Fan-out: ask several services at once, keep what came back in time.
--
-- A scope owns the tasks spawned in it: leaving the block waits for them, an
-- error in one cancels the rest, and a timeout around it cancels them all.
local bide = require "bide"

-- Stands for a call over the network.
local function ask(service, delay)
    bide.sleep(delay)
    if service == "broken" then
        error("service 'broken' is down")
    end
    return service .. " answered"
end

local function ask_all(services)
    local answers = {}
    do
        local g <close> = bide.scope()
        for service, delay in pairs(services) do
            g:spawn(function()
                table.insert(answers, ask(service, delay))
            end)
        end
    end
    table.sort(answers)
    return answers
end

bide.run(function()
    -- All answer.
    local answers = ask_all { users = 0.01, orders = 0.02, stock = 0.03 }
    print(table.concat(answers, ", "))

    -- One is too slow: the timeout ends the block and all that is in it.
    local ok, why = bide.timeout(0.05, ask_all, { users = 0.01, slow = 60 })
    print("with a slow one:", ok, why)

    -- One fails: the others are cancelled, and the error comes out here.
    local fine, err = pcall(ask_all, { users = 60, broken = 0.01 })
    print("with a broken one:", fine, (tostring(err):match("[^\n]*")))

    -- The first answer is enough: the others are dropped.
    print("first:", bide.race(
        function() return ask("near", 0.01) end,
        function() return ask("far", 60) end))
end)
