package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local model = require "model"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

-- Spawns a task that takes the lock one way, notes it, and holds it until told.
local function holder(rw, way, log, name)
    local release = bide.event()
    local task = bide.spawn(function()
        local guard <close> = rw[way](rw)
        log[#log + 1] = name
        release:wait()
    end)
    return release, task
end

function test_rwlock_readers_share()
    run(function()
        local rw = bide.rwlock()
        local a <close> = rw:read()
        local b <close> = rw:read()
        eq(rw:readers(), 2)
        eq(rw:writer(), nil)
    end)
end

function test_rwlock_writer_excludes_the_others()
    run(function()
        local rw = bide.rwlock()
        local log = {}
        local release = holder(rw, "write", log, "w1")
        settle()
        holder(rw, "write", log, "w2")
        settle()
        eq(log, { "w1" })
        eq(rw:waiters(), 1)
        release:set()
        settle()
        eq(log, { "w1", "w2" })
        eq(rw:readers(), 0)
    end)
end

function test_rwlock_waiting_writer_is_not_overtaken()
    run(function()
        local rw = bide.rwlock()
        local log = {}
        local release = holder(rw, "read", log, "r1")
        settle()
        local written = holder(rw, "write", log, "w")
        settle()
        holder(rw, "read", log, "r2")
        settle()
        eq(log, { "r1" })
        release:set()
        settle()
        eq(log, { "r1", "w" })
        written:set()
        settle()
        eq(log, { "r1", "w", "r2" })
    end)
end

function test_rwlock_readers_in_a_row_enter_together()
    run(function()
        local rw = bide.rwlock()
        local log = {}
        local release = holder(rw, "write", log, "w1")
        settle()
        for _, part in ipairs { "read r1", "read r2", "write w2", "read r3" } do
            local way, name = part:match("(%w+) (%w+)")
            holder(rw, way, log, name)
            settle()
        end
        release:set()
        settle()
        eq(log, { "w1", "r1", "r2" })
        eq(rw:readers(), 2)
    end)
end

function test_rwlock_try_never_waits()
    run(function()
        local rw = bide.rwlock()
        local guard = rw:try_read()
        eq(rw:readers(), 1)
        eq(rw:try_write(), false)
        bide.spawn(function()
            local g <close> = rw:write()
        end)
        settle()
        eq(rw:try_read(), false)
        guard:unlock()
        settle()
        lu.assertNotIsFalse(rw:try_write())
        eq(rw:try_read(), false)
        rw:write_unlock()
    end)
end

function test_rwlock_lock_by_its_writer_is_a_deadlock_error()
    run(function()
        local rw = bide.rwlock()
        local guard <close> = rw:write()
        lu.assertErrorMsgContains("EDEADLOCK", rw.read, rw)
        lu.assertErrorMsgContains("EDEADLOCK", rw.write, rw)
        eq(rw:writer(), bide.current())
    end)
end

function test_rwlock_unlock_without_holding_is_an_error()
    run(function()
        local rw = bide.rwlock()
        lu.assertErrorMsgContains("ENOTOWNER", rw.read_unlock, rw)
        lu.assertErrorMsgContains("ENOTOWNER", rw.write_unlock, rw)
    end)
end

function test_rwlock_cancelled_writer_lets_the_readers_pass()
    run(function()
        local rw = bide.rwlock()
        local log = {}
        holder(rw, "read", log, "r1")
        settle()
        local _, writer = holder(rw, "write", log, "w")
        settle()
        holder(rw, "read", log, "r2")
        settle()
        eq(log, { "r1" })
        writer:cancel()
        settle()
        eq(log, { "r1", "r2" })
    end)
end

function test_rwlock_of_an_ended_writer_is_broken()
    run(function()
        local rw = bide.rwlock()
        bide.spawn(rw.write, rw):await()
        lu.assertErrorMsgContains("EBROKEN", rw.read, rw)
        lu.assertErrorMsgContains("EBROKEN", rw.write, rw)
        rw:reset()
        local guard <close> = rw:read()
    end)
end

function test_rwlock_guard_unlocks_once()
    run(function()
        local rw = bide.rwlock()
        local first = rw:read()
        do
            local guard <close> = rw:read()
            guard:unlock()
            guard:unlock()
            eq(rw:readers(), 1)
        end
        eq(rw:readers(), 1)
        first:unlock()
        eq(rw:readers(), 0)
    end)
end

function test_rwlock_cancel_at_every_park()
    support.cancel_at_every_park(function()
        local rw = bide.rwlock()
        local readers, writers, through = 0, 0, 0
        local function read()
            local guard <close> = rw:read()
            readers = readers + 1
            eq(writers, 0)
            local ok, err = pcall(bide.yield_now)
            readers = readers - 1
            return ok or error(err, 0)
        end
        local function write()
            local guard <close> = rw:write()
            writers = writers + 1
            eq(writers, 1)
            eq(readers, 0)
            local ok, err = pcall(bide.yield_now)
            writers = writers - 1
            return ok or error(err, 0)
        end
        local function rounds(first, second)
            return function()
                for _ = 1, 2 do
                    first()
                    second()
                    through = through + 2
                end
            end
        end
        return {
            tasks = { rounds(read, write), rounds(write, read) },
            victim = rounds(write, read),
            check = function(outcome)
                lu.assertTrue(through >= 8)
                if outcome == "done" then
                    eq(through, 12)
                end
                eq(rw:waiters(), 0)
                eq(rw:readers(), 0)
                eq(rw:writer(), nil)
            end,
        }
    end)
end

-- The reference: `writer` or a count of `readers`, and the queue; who reads,
-- until one task unlocks for another (`loose`).
local function reads(rig, hand, n)
    rig.readers = rig.readers + n
    if not rig.loose then
        rig.reads[hand] = rig.reads[hand] + n
    end
end

local function let_in(rig)
    while rig.queue[1] do
        local op = rig.queue[1].op
        if rig.writer or (op == "write" and rig.readers > 0) then
            return
        end
        local hand = rig:unblock(1).hand
        if op == "write" then
            rig.writer = hand
        else
            reads(rig, hand, 1)
        end
        rig:ends(hand)
    end
end

local function enters(rig, hand, op)
    local free = #rig.queue == 0 and not rig.writer
    if free and op == "read" then
        reads(rig, hand, 1)
    elseif free and op == "write" and rig.readers == 0 then
        rig.writer = hand
    else
        return false
    end
    return true
end

local function predict_unlock(rig, hand, op)
    if op == "read_unlock" and rig.readers > 0 then
        rig.loose = rig.loose or rig.reads[hand] == 0
        reads(rig, hand, -1)
    elseif op == "write_unlock" and rig.writer == hand then
        rig.writer = nil
    else
        rig:ends(hand, "ENOTOWNER")
        return
    end
    rig:ends(hand)
    let_in(rig)
end

function test_rwlock_agrees_with_its_model()
    local ops = { "read", "write", "try_read", "try_write", "read_unlock",
        "write_unlock" }
    model.run {
        make = function(rig)
            rig.readers = 0
            rig.reads = setmetatable({}, { __index = function() return 0 end })
            return bide.rwlock()
        end,
        draw = function(_, rng)
            return ops[rng:below(#ops) + 1]
        end,
        submit = function(rw, op)
            local got = rw[op](rw)
            return got == false and "no" or "ok"
        end,
        predict = function(rig, hand, op)
            local try = op:match("^try_(.*)")
            if op == "cancel" then
                rig:unblock_hand(hand)
                let_in(rig)
                rig:ends(hand, model.CANCELLED)
            elseif op:find("unlock", 1, true) then
                predict_unlock(rig, hand, op)
            elseif enters(rig, hand, try or op) then
                rig:ends(hand)
            elseif try then
                rig:ends(hand, "no")
            elseif rig.writer == hand or
                not rig.loose and rig.reads[hand] > 0 then
                rig:ends(hand, "EDEADLOCK")
            else
                rig:blocks(hand, op)
            end
        end,
        compare = function(rig)
            local writer = rig.writer and rig.hands[rig.writer].task
            eq(rig.object:writer(), writer)
            eq(rig.object:readers(), rig.readers)
            eq(rig.object:waiters(), #rig.queue)
        end,
    }
end

support.finish()
