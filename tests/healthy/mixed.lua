-- A mixed load in which nothing is wrong: with every detector on it must not cause
-- a single report. All that hangs in the gallery is used here, as it should be.
--
-- BIDE_SOAK_SECONDS says for how long (10 by default), BIDE_SEED with which choices.
local bide = require "bide"

local SECONDS = tonumber(os.getenv "BIDE_SOAK_SECONDS" or 10)
local SEED = tonumber(os.getenv "BIDE_SEED" or 0)
SEED = SEED ~= 0 and SEED or os.time()
math.randomseed(SEED)
local random = math.random

-- What the parts share, and how often each has got through.
local world = { rounds = {} }

local function goes_on()
    return bide.now() < world.till
end

local function done(part)
    world.rounds[part] = (world.rounds[part] or 0) + 1
end

local parts = {}

-- -- locks, always in the same order -------------------------------------------

function parts.locks()
    while goes_on() do
        do
            local permit <close> = world.pool:hold()
            local ledger <close> = world.ledger:lock()
            if random() < 0.5 then
                local journal <close> = world.journal:lock()
                bide.yield_now()
            end
        end
        if random() < 0.3 then
            local guard <close> = world.table:write()
            bide.yield_now()
        else
            local guard <close> = world.table:read()
            bide.sleep(0.0005)
        end
        done "locks"
    end
end

-- Gives up waiting for a lock now and then.
function parts.impatient()
    while goes_on() do
        bide.timeout(random() * 0.002, function()
            local guard <close> = world.ledger:lock()
            bide.sleep(0.001)
        end)
        bide.sleep(0.001)
        done "impatient"
    end
end

-- -- channels, conditions, barriers, futures -----------------------------------

local function cook(start, raw, cooked)
    start:wait()
    for n in raw do
        cooked:send(n * n)
    end
end

local function produce(start, raw)
    start:wait()
    for n = 1, 50 do
        raw:send(n)
    end
    raw:close()
end

local function collect(cooked)
    local sum = 0
    for n in cooked do
        sum = sum + n
    end
    return sum
end

function parts.pipeline()
    while goes_on() do
        local raw, cooked = bide.channel(4), bide.channel(2)
        local start = bide.barrier(4)
        local total = bide.spawn(collect, cooked)
        do
            local cooks <close> = bide.scope()
            for _ = 1, 3 do
                cooks:spawn(cook, start, raw, cooked)
            end
            cooks:spawn(produce, start, raw)
        end
        cooked:close()
        assert(total:await() == 42925)
        done "pipeline"
    end
end

function parts.signals()
    while goes_on() do
        local stock, changed = {}, bide.condition()
        local ready, answer = bide.event(), bide.future()
        local scope <close> = bide.scope()
        scope:spawn(function()
            do
                local guard <close> = changed:mutex():lock()
                while #stock == 0 do
                    changed:wait()
                end
                table.remove(stock)
            end
            ready:wait()
            answer:set(#stock)
        end)
        bide.yield_now()
        do
            local guard <close> = changed:mutex():lock()
            stock[1] = "apple"
            changed:notify()
        end
        ready:set()
        assert(answer:await() == 0)
        done "signals"
    end
end

-- -- threads -------------------------------------------------------------------

local function adds_up(n)
    local sum = 0
    for i = 1, n do
        sum = sum + i
    end
    return sum
end

function parts.jobs()
    while goes_on() do
        local n = random(1, 100000)
        assert(bide.spawn_blocking(adds_up, n) == n * (n + 1) // 2)
        bide.timeout(0.001, bide.spawn_blocking, adds_up, 1000000)
        done "jobs"
    end
end

function parts.pump()
    local function read_sensor(out, count)
        for n = 1, count do
            out:send(n)
        end
        out:close()
    end
    while goes_on() do
        local readings = bide.channel(16, "readings")
        local thread = bide.spawn_thread(read_sensor, readings, 500)
        local seen = 0
        for values in function() return (readings:recv_many(64)) end do
            seen = seen + #values
        end
        thread:await()
        assert(seen == 500)
        done "pump"
    end
end

function parts.cancelled()
    local function works_for_ever()
        local cleanup <close> = setmetatable({}, { __close = function()
            bide.shield(1, bide.sleep, 0.0005)
        end })
        bide.sleep(3600)
    end
    while goes_on() do
        local token, tasks = bide.token(), {}
        for i = 1, 5 do
            tasks[i] = bide.spawn({ token = token }, works_for_ever)
        end
        bide.yield_now()
        token:cancel "enough"
        for _, task in ipairs(tasks) do
            assert(not task:join())
        end
        done "cancelled"
    end
end

-- -- I/O -----------------------------------------------------------------------

local function echo(stream)
    for data in function() return stream:readsome(4096) end do
        stream:write(data)
    end
end

function parts.clients()
    while goes_on() do
        local stream <close> = assert(bide.tcp.connect("127.0.0.1", world.port))
        for _ = 1, random(20) do
            local message = ("m"):rep(random(10000))
            stream:write(message)
            assert(stream:read(#message) == message)
        end
        if random() < 0.2 then -- an answer that nobody gives
            bide.timeout(0.003, stream.readsome, stream, 1)
        end
        done "clients"
    end
end

function parts.files()
    local place = os.getenv "TMPDIR" or "/tmp"
    local path = assert(bide.fs.temp_file(place .. "/bide-healthy-"))
    while goes_on() do
        assert(bide.fs.write_file(path, ("line\n"):rep(random(5000))))
        assert(assert(bide.fs.read_file(path)):sub(1, 5) == "line\n")
        done "files"
    end
    bide.fs.unlink(path)
end

function parts.programs()
    while goes_on() do
        local result = assert(bide.process.run { "echo", "hello" })
        assert(result.stdout == "hello\n")
        bide.sleep(0.02)
        done "programs"
    end
end

-- -- the whole -----------------------------------------------------------------

bide.run(function()
    world.till = bide.now() + SECONDS
    world.ledger, world.journal = bide.mutex "ledger", bide.mutex "journal"
    world.table, world.pool = bide.rwlock "table", bide.semaphore(3, "pool")
    local listener <close> = assert(bide.tcp.listen("127.0.0.1", 0))
    world.port = listener:port()
    local server = bide.spawn(listener.serve, listener, echo)
    do
        local load <close> = bide.scope()
        for name, part in pairs(parts) do
            for _ = 1, (name == "locks" or name == "clients") and 8 or 1 do
                load:spawn({ name = name }, part)
            end
        end
    end
    server:cancel()
    server:join()
end)

local line, count = {}, 0
for name in pairs(parts) do
    count = world.rounds[name] and count + 1 or count
    line[#line + 1] = ("%d %s"):format(world.rounds[name] or 0, name)
end
table.sort(line, function(a, b) return a:match("%a+") < b:match("%a+") end)
print(("seed %d: %s"):format(SEED, table.concat(line, ", ")))
os.exit(count == #line, true)
