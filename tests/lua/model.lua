-- A primitive against a naive reference, with operations drawn from a seed.
--
-- A crew of tasks, the hands, does one operation at a time as the driver tells
-- them. A model supplies
--   make(rig)             the object; sets up the reference's state in the rig
--   draw(rig, rng, hand)  an operation for an idle hand
--   submit(object, op, hand, rig)   does it, in the hand's task; its result
--   predict(rig, hand, op)  the reference: rig:ends(hand, result) for each hand
--                         whose operation ends now, in order; rig:blocks(hand,
--                         op) if this one's does not. "cancel": the hand, which
--                         was blocked, is cancelled.
--   compare(rig)          optional: what can be read off the object
-- A hand that is blocked can only be cancelled.
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local CREW, STEPS = 6, 150

local Rig = {}
Rig.__index = Rig

function Rig:ends(hand, result)
    self.foretold[#self.foretold + 1] = hand .. ":" .. tostring(result or "ok")
end

function Rig:blocks(hand, op)
    self.queue[#self.queue + 1] = { hand = hand, op = op }
    self.blocked[hand] = true
end

-- Takes the i-th blocked operation out of the queue.
function Rig:unblock(i)
    local entry = table.remove(self.queue, i)
    self.blocked[entry.hand] = nil
    return entry
end

function Rig:unblock_hand(hand)
    for i, entry in ipairs(self.queue) do
        if entry.hand == hand then
            return self:unblock(i)
        end
    end
    error("hand " .. hand .. " is not blocked")
end

local function code(err)
    return tostring(err):match("%((E%u+)%)") or err
end

local function attempt(rig, index, hand)
    local result, _, why = bide.scope(function(scope)
        hand.scope = scope
        local ok, got = pcall(rig.model.submit, rig.object, hand.op, index, rig)
        if not ok and bide.is_cancelled(got) then
            error(got, 0)
        end
        if ok then
            return tostring(got or "ok")
        end
        return code(got)
    end)
    return result or why
end

local function work(rig, index, hand)
    while true do
        hand.order:wait()
        hand.order:clear()
        if hand.op == "quit" then
            return
        end
        local result = attempt(rig, index, hand)
        rig.seen[#rig.seen + 1] = index .. ":" .. result
    end
end

local function step(rig, rng)
    local index = rng:below(CREW) + 1
    local hand = rig.hands[index]
    rig.seen, rig.foretold = {}, {}
    if rig.blocked[index] then
        rig.log[#rig.log + 1] = index .. " cancel"
        rig.model.predict(rig, index, "cancel")
        hand.scope:cancel("drawn")
    else
        hand.op = rig.model.draw(rig, rng, index)
        rig.log[#rig.log + 1] = index .. " " .. hand.op
        rig.model.predict(rig, index, hand.op)
        hand.order:set()
    end
    support.settle(6)
    lu.assertEquals(rig.seen, rig.foretold)
    if rig.model.compare then
        rig.model.compare(rig)
    end
end

local function drive(model, rng)
    local rig = setmetatable({ model = model, hands = {}, blocked = {},
        queue = {}, log = {} }, Rig)
    rig.object = model.make(rig)
    for i = 1, CREW do
        local hand = { order = bide.event() }
        rig.hands[i] = hand
        hand.task = bide.spawn(work, rig, i, hand)
    end
    for _ = 1, STEPS do
        local ok, err = pcall(step, rig, rng)
        if not ok then
            local note = "after " .. table.concat(rig.log, ", ")
            support.noting(note, error, err, 0)
        end
    end
end

local M = {}

function M.run(model)
    support.agrees_with_model(function(rng)
        drive(model, rng)
    end)
end

-- The ECANCELED of a cancelled hand, as it is seen.
M.CANCELLED = "ECANCELED"

return M
