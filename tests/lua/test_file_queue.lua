package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local eq, run, fs = lu.assertEquals, bide.run, bide.fs

local function content(name)
    local f <close> = assert(io.open(name, "rb"))
    return f:read("a")
end

-- What is in the file after fn(path).
local function with(fn)
    local name = os.tmpname()
    run(function() fn(name) end)
    local got = content(name)
    os.remove(name)
    return got
end

function test_file_operations_in_order()
    eq(with(function(path)
        local f <close> = assert(fs.open(path, "w"))
        local group <close> = bide.scope()
        for i = 0, 7 do
            group:spawn(function() assert(f:write(i)) end)
        end
    end), "01234567")
end

function test_file_cancelled_operation_did_not_happen()
    eq(with(function(path)
        local f <close> = assert(fs.open(path, "w"))
        local tasks = {}
        for i = 0, 2 do
            tasks[i] = bide.spawn(f.write, f, i)
        end
        bide.yield_now()
        tasks[1]:cancel()
        eq({ tasks[0]:await(), tasks[2]:await() }, { f, f })
        eq(tasks[1]:join(), false)
    end), "02")
end

function test_file_cancelled_read_loses_nothing()
    run(function()
        local name = os.tmpname()
        os.remove(name)
        os.execute("mkfifo " .. name)
        local opening = bide.spawn(fs.open, name, "a")
        local f <close> = assert(fs.open(name))
        local w <close> = assert(opening:await())
        local first = bide.spawn(f.read, f, 3)
        bide.yield_now()
        local second = bide.spawn(f.read, f, 3)
        bide.yield_now()
        first:cancel()
        eq(first:join(), false)
        w:write("abc")
        eq(second:await(), "abc")
        os.remove(name)
    end)
end

function test_file_close_completes_what_was_accepted()
    eq(#with(function(path)
        local f = assert(fs.open(path, "w"))
        local data, tasks = ("x"):rep(100000), {}
        for i = 1, 5 do
            tasks[i] = bide.spawn(f.write, f, data)
        end
        bide.yield_now()
        eq(f:close(), true)
        for i = 1, 5 do
            eq(tasks[i]:await(), f)
        end
    end), 500000)
end

function test_file_cancelled_close_closes()
    with(function(path)
        local kept
        local task = bide.spawn(function()
            local f <close> = assert(fs.open(path, "w"))
            kept = f
            bide.sleep(60)
        end)
        while not kept do
            bide.yield_now()
        end
        bide.yield_now()
        task:cancel()
        eq(task:join(), false)
        eq(kept:closed(), true)
    end)
end

function test_file_cancel_at_every_park()
    local name = os.tmpname()
    support.cancel_at_every_park(function()
        io.open(name, "w"):close()
        local done = 0
        local function writer(mark, count)
            local f <close> = assert(fs.open(name, "a"))
            for _ = 1, 3 do
                assert(f:write(mark))
                count()
            end
        end
        return {
            pause = support.job_round,
            tasks = { function() writer("o", function() end) end },
            victim = function() writer("v", function() done = done + 1 end) end,
            check = function()
                local data = content(name)
                eq(select(2, data:gsub("o", "")), 3)
                eq(select(2, data:gsub("v", "")), done)
            end,
        }
    end)
    os.remove(name)
end

-- What a file is: a string and a position.
local Model = {}
Model.__index = Model

function Model:put(at, data)
    if data ~= "" then
        local zeros = ("\0"):rep(at - #self.data)
        self.data = (self.data .. zeros):sub(1, at) .. data
            .. self.data:sub(at + #data + 1)
    end
end

function Model:take(n)
    local data = self.data:sub(self.at + 1, self.at + n)
    self.at = self.at + #data
    return data
end

local function draw(rng, n)
    local bytes = {}
    for i = 1, n do
        local k = rng:below(27)
        bytes[i] = string.char(k == 0 and 10 or 96 + k)
    end
    return table.concat(bytes)
end

local steps = {
    [0] = function(f, m, rng, n)
        local data = draw(rng, n)
        assert(f:write(data))
        m:put(m.at, data)
        m.at = m.at + n
    end,
    function(f, m, _, n)
        eq(f:read(n) or "", m:take(n))
    end,
    function(f, m, _, _, offset)
        m.at = f:seek("set", offset)
    end,
    function(f, m, _, _, offset)
        assert(f:truncate(offset))
        m.data = (m.data .. ("\0"):rep(offset - #m.data)):sub(1, offset)
    end,
    function(f, m, rng, n, offset)
        local data = draw(rng, n)
        assert(f:pwrite(data, offset))
        m:put(offset, data)
    end,
    function(f, m, _, n, offset)
        eq(f:pread(n, offset), m.data:sub(offset + 1, offset + n))
    end,
    function(f, m)
        local stop = m.data:find("\n", m.at + 1, true)
        eq(f:read("L") or "", m:take((stop or #m.data) - m.at))
    end,
}

function test_file_agrees_with_its_model()
    support.agrees_with_model(function(rng)
        local name = os.tmpname()
        local m = setmetatable({ data = "", at = 0 }, Model)
        do
            local f <close> = assert(fs.open(name, "w+"))
            for _ = 1, 150 do
                if m.at + 64 >= 1024 then
                    break
                end
                local op, n, offset = rng:below(7), rng:below(60), rng:below(200)
                steps[op](f, m, rng, n, offset)
                eq(f:seek(), m.at)
            end
        end
        eq(content(name), m.data)
        os.remove(name)
    end)
end

support.finish()
