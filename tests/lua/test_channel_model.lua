package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local settle = support.settle
local eq = lu.assertEquals

function test_channel_cancel_at_every_park()
    for _, shape in ipairs { { 1, false }, { 2, true } } do
        support.cancel_at_every_park(function()
            local ch = bide.channel(shape[1])
            local sent, got = {}, {}
            local function producer(id)
                return function()
                    for i = 1, 4 do
                        if ch:send({ id, i }) then
                            sent[#sent + 1] = id .. i
                        end
                    end
                end
            end
            local function consume(v)
                got[#got + 1] = v[1] .. v[2]
            end
            local function consumer()
                for v in ch do
                    consume(v)
                end
            end
            local function many()
                while true do
                    local list = ch:recv_many(2)
                    if not list then
                        return
                    end
                    for _, v in ipairs(list) do
                        consume(v)
                    end
                end
            end
            local producing = bide.spawn(producer "a")
            return {
                tasks = { consumer, function()
                    producing:await()
                    settle(60)
                    ch:close()
                end },
                victim = shape[2] and many or producer "b",
                check = function()
                    table.sort(sent)
                    table.sort(got)
                    eq(got, sent)
                    lu.assertTrue(#sent >= 4)
                    eq(#ch, 0)
                end,
            }
        end)
    end
end

-- The model: a list of what is inside, lists of who waits.
local Model = {}
Model.__index = Model

function Model:add(...)
    self.log[#self.log + 1] = table.concat({ ... }, " ")
end

function Model:refill()
    while #self.buffer < self.capacity and self.senders[1] do
        local sender = table.remove(self.senders, 1)
        table.insert(self.buffer, sender.value)
        self:add(sender.id, "sent")
    end
end

function Model:send(id, value)
    if self.closed then
        self:add(id, "closed")
    elseif self.receivers[1] then
        self:add(id, "sent")
        self:add(table.remove(self.receivers, 1).id, "got", value)
    elseif #self.buffer < self.capacity and not self.senders[1] then
        table.insert(self.buffer, value)
        self:add(id, "sent")
    else
        table.insert(self.senders, { id = id, value = value })
    end
end

function Model:recv(id, limit)
    if self.buffer[1] then
        local taken = {}
        for i = 1, math.min(limit, #self.buffer) do
            taken[i] = table.remove(self.buffer, 1)
        end
        self:add(id, "got", table.concat(taken, " "))
        self:refill()
    elseif self.closed then
        self:add(id, "closed")
    else
        table.insert(self.receivers, { id = id })
    end
end

function Model:cancel(id)
    for _, list in ipairs { self.senders, self.receivers } do
        for i, waiter in ipairs(list) do
            if waiter.id == id then
                table.remove(list, i)
                self:add(id, "cancelled")
                return
            end
        end
    end
end

function Model:close()
    self.closed = true
    for _, list in ipairs { self.senders, self.receivers } do
        while list[1] do
            self:add(table.remove(list, 1).id, "closed")
        end
    end
end

function test_channel_agrees_with_its_model()
    support.agrees_with_model(function(rng)
        local capacity = rng:below(3) + 1
        local ch = bide.channel(capacity)
        local model = setmetatable({ capacity = capacity, buffer = {},
            senders = {}, receivers = {}, log = {} }, Model)
        local log, tasks = {}, {}
        local function actor(id, fn)
            tasks[id] = bide.spawn(function()
                local ok, err = pcall(function()
                    local outcome = fn()
                    log[#log + 1] = id .. " " .. outcome
                end)
                if not ok then
                    lu.assertTrue(bide.is_cancelled(err), tostring(err))
                    log[#log + 1] = id .. " cancelled"
                    error(err, 0)
                end
            end)
        end
        for step = 1, 80 do
            local op = rng:below(10)
            if op <= 3 then
                actor(step, function()
                    return ch:send("v" .. step) and "sent" or "closed"
                end)
                settle()
                model:send(step, "v" .. step)
            elseif op <= 6 then
                actor(step, function()
                    local v = ch:recv()
                    return v and "got " .. v or "closed"
                end)
                settle()
                model:recv(step, 1)
            elseif op == 7 then
                local limit = rng:below(3) + 1
                actor(step, function()
                    local list = ch:recv_many(limit)
                    return list and "got " .. table.concat(list, " ")
                        or "closed"
                end)
                settle()
                model:recv(step, limit)
            elseif op == 8 and step > 1 then
                local id = rng:below(step - 1) + 1
                if tasks[id] then
                    tasks[id]:cancel()
                    settle()
                    model:cancel(id)
                end
            elseif step > 60 and not model.closed then
                ch:close()
                settle()
                model:close()
            end
            eq(log, model.log, "step " .. step)
            eq(#ch, #model.buffer)
        end
        for _, task in pairs(tasks) do
            task:cancel()
        end
    end)
end

support.finish()
