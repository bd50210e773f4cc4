-- A fan-out of queries to PostgreSQL through a driver that blocks.
--
--   lua postgres_fan_out.lua [DATABASE [USER [HOST [PORT]]]]
--
-- LuaSQL (lua-sql-postgres) knows nothing of tasks: each of its calls blocks. So
-- the queries run on threads of the pool, where a blocked call hurts nobody, and
-- a semaphore keeps the number of connections down.
local bide = require "bide"

local CONNECTIONS <const> = 4
local QUERIES <const> = 20

-- Runs on another thread, in a Lua state of its own.
local function query(where, text)
    local driver = require "luasql.postgres"
    local environment <close> = setmetatable({ driver.postgres() }, {
        __close = function(self) self[1]:close() end })
    local connection <close> = setmetatable({ assert(environment[1]:connect(
        where.database, where.user, nil, where.host, where.port)) }, {
        __close = function(self) self[1]:close() end })
    local cursor = assert(connection[1]:execute(text))
    local rows = {}
    for row in function() return cursor:fetch({}, "a") end do
        rows[#rows + 1] = row
    end
    cursor:close()
    return rows
end

bide.run(function()
    local where = { database = arg[1] or "postgres", user = arg[2],
        host = arg[3], port = arg[4] }
    local permits = bide.semaphore(CONNECTIONS, { name = "connections" })
    local start, answers = bide.now(), {}
    do
        local g <close> = bide.scope()
        for n = 1, QUERIES do
            g:spawn(function()
                local permit <close> = permits:acquire()
                answers[n] = bide.spawn_blocking(query, where,
                    ("SELECT %d * %d AS square, pg_sleep(0.05)"):format(n, n))
            end)
        end
    end
    for n, rows in ipairs(answers) do
        assert(math.tointeger(tonumber(rows[1].square)) == n * n)
    end
    print(("%d queries of 50 ms on %d connections: %.0f ms"):format(#answers,
        CONNECTIONS, (bide.now() - start) * 1000))
    local fine, why = pcall(bide.spawn_blocking, query, where, "SELECT nonsense")
    assert(not fine)
    print("a bad query: " .. tostring(why):match("ERROR:[^\n]*"))
end)
