-- A task waits for orders, but none that could send any is left.
--
-- expect: every task waits and nothing can wake one
-- expect: task "cook" ... waits for Channel "orders" (made at {B}): ..., for ... s, at
--     {A}
local bide = require "bide"

local function cook(orders)
    while true do
        orders:recv() -- A
    end
end

local function waiter(orders)
    orders:send "soup"
end

bide.run(function()
    local orders = bide.channel(8, "orders") -- B
    local scope <close> = bide.scope()
    scope:spawn({ name = "cook" }, cook, orders)
    scope:spawn({ name = "waiter" }, waiter, orders)
end)
