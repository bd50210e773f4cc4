-- A channel is full, and nobody takes anything out.
--
-- expect: every task waits and nothing can wake one
-- expect: task "waiter" ... waits for Channel "orders" (made at {B}): ..., for ... s,
--     at {A}
local bide = require "bide"

local function waiter(orders)
    for _, dish in ipairs { "soup", "fish", "cake" } do
        orders:send(dish) -- A
    end
end

bide.run(function()
    local orders = bide.channel(2, "orders") -- B
    bide.spawn({ name = "waiter" }, waiter, orders):await()
end)
