-- A Redis client that pipelines: many tasks share one connection.
--
--   lua redis_pipeline.lua [SOCKET_PATH | PORT]
--
-- Each task asks and waits for its own answer; what they ask meanwhile goes out
-- together, and Redis answers in order. So one connection serves all of them,
-- with a few system calls.
local bide = require "bide"

local TASKS <const> = 100

local function encode(...)
    local parts = { ("*%d\r\n"):format(select("#", ...)) }
    for i = 1, select("#", ...) do
        local word = tostring((select(i, ...)))
        parts[#parts + 1] = ("$%d\r\n%s\r\n"):format(#word, word)
    end
    return table.concat(parts)
end

-- One answer of the protocol: a value, or nil and the message of an error. An
-- answer that is nil is false.
local function decode(c)
    local line = assert(c:read("l"))
    local kind, rest = line:sub(1, 1), line:sub(2)
    if kind == "+" then
        return rest
    elseif kind == "-" then
        return nil, rest
    elseif kind == ":" then
        return math.tointeger(tonumber(rest))
    elseif kind == "$" then
        local size = tonumber(rest)
        return size >= 0 and assert(c:read(size + 2)):sub(1, -3)
    elseif kind == "*" then
        local list = {}
        for i = 1, tonumber(rest) do
            list[i] = decode(c)
        end
        return list
    end
    error("this is not Redis: " .. line, 0)
end

local redis = {}
redis.__index = redis

-- A client on the connection `c`; its two tasks run in `scope`.
local function client(c, scope)
    local self = setmetatable({
        stream = c, outgoing = {}, waiting = bide.unbounded_channel("answers"),
        wanted = bide.event("commands to send"),
    }, redis)
    scope:spawn({ name = "redis sender" }, self.send, self)
    scope:spawn({ name = "redis receiver" }, self.receive, self)
    return self
end

-- The answer; nil and a message when Redis refuses the command.
function redis:command(...)
    if self.closed then
        error("the connection to Redis is closed", 2)
    end
    local answer = bide.future()
    self.outgoing[#self.outgoing + 1] = encode(...)
    self.waiting:send(answer)
    self.wanted:set()
    return answer:await()
end

function redis:send()
    while not self.closed do
        self.wanted:wait()
        self.wanted:clear()
        local batch = table.concat(self.outgoing)
        self.outgoing = {}
        if batch ~= "" and not self.stream:write(batch) then
            return self:close()
        end
    end
end

-- Futures wait in the order of their commands: so do the answers.
function redis:receive()
    for answer in self.waiting do
        local fine, value, why = pcall(decode, self.stream)
        if not fine then
            answer:fail("Redis has closed the connection")
            return self:close()
        end
        answer:set(value, why)
    end
end

function redis:close()
    self.closed = true
    self.stream:close()
    self.wanted:set()
    self.waiting:close()
    for answer in self.waiting do
        answer:fail("the connection to Redis is closed")
    end
end

-- Three commands, one after the other, as any program would write it.
local function visitor(r, number)
    local key = "visitor:" .. number
    assert(r:command("SET", key, number * number))
    local value = math.tointeger(tonumber((assert(r:command("GET", key)))))
    assert(r:command("INCRBY", "sum", value))
    return value
end

local function connect(where)
    if where and where:find("/") then
        return bide.unix.connect(where)
    end
    return bide.tcp.connect("127.0.0.1", tonumber(where) or 6379)
end

bide.run(function()
    local c <close> = assert(connect(arg and arg[1]))
    local workers <close> = bide.scope()
    local r = client(c, workers)
    assert(r:command("DEL", "sum"))
    local start, sum = bide.now(), 0
    do
        local visitors <close> = bide.scope()
        for number = 0, TASKS - 1 do
            visitors:spawn(function()
                local value = visitor(r, number)
                sum = sum + value -- not before: others add meanwhile
            end)
        end
    end
    local took = bide.now() - start
    local total = math.tointeger(tonumber((assert(r:command("GET", "sum")))))
    assert(total == sum)
    print("an error stays with its command:",
        select(2, r:command("INCR", "visitor:1", "too", "many")))
    print(("%d tasks, %d commands, sum %d, in %.1f ms"):format(TASKS, 3 * TASKS,
        total, took * 1000))
    r:close()
end)
