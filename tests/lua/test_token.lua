package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local run, settle = support.run, support.settle
local eq = lu.assertEquals

-- A task under the token that waits; what it says of its end.
local function waiting_under(token)
    local task = bide.spawn({ token = token }, bide.sleep, 1000)
    settle()
    return task
end

local function reason_of(task)
    local ok, err = task:join()
    eq(ok, false)
    eq(task:status(), "cancelled")
    return err.reason
end

function test_token_cancel_ends_the_waits_below()
    run(function()
        local token = bide.token()
        local a, b = waiting_under(token), waiting_under(token)
        local in_scope = bide.spawn(function()
            local g <close> = bide.scope { token = token }
            bide.sleep(1000)
        end)
        settle()
        eq(token:cancelled(), false)
        eq(token:cancel("enough"), true)
        eq(token:cancelled(), true)
        eq(reason_of(a), "enough")
        eq(reason_of(b), "enough")
        local ok, err = in_scope:join()
        eq(ok, false)
        eq(err.reason, "enough")
        eq(in_scope:status(), "failed") -- it left the scope it belongs to
    end)
end

function test_token_cancel_reaches_its_children()
    run(function()
        local token = bide.token()
        local grandchild = token:child():child()
        local task = waiting_under(grandchild)
        token:cancel("from above")
        eq(grandchild:cancelled(), true)
        eq(reason_of(task), "from above")
    end)
end

function test_token_child_cancel_leaves_the_parent_alone()
    run(function()
        local token = bide.token()
        local child = token:child()
        local above, below = waiting_under(token), waiting_under(child)
        child:cancel()
        eq(below:join(), false)
        eq(token:cancelled(), false)
        eq(above:done(), false)
    end)
end

function test_token_keeps_the_first_reason()
    run(function()
        local token = bide.token()
        local task = waiting_under(token)
        eq(token:cancel("first"), true)
        eq(token:cancel("second"), false)
        eq(reason_of(task), "first")
    end)
end

function test_token_cancelled_before_use_cancels_the_first_wait()
    run(function()
        local token = bide.token()
        token:cancel("early")
        local started = false
        local task = bide.spawn({ token = token }, function()
            started = true
            bide.yield_now()
            started = "too far"
        end)
        eq(reason_of(task), "early")
        eq(started, true)
        eq({ bide.scope({ token = token }, function()
            bide.yield_now()
        end) }, { nil, "cancelled: early", "ECANCELED" })
        bide.yield_now()
    end)
end

function test_token_deadline_expires()
    run(function()
        local token = bide.token { timeout = 2 }
        local before = bide.now()
        local task = waiting_under(token)
        local ok, err = task:join()
        eq(ok, false)
        eq(err.timeout, true)
        eq(tostring(err), "timeout")
        eq(token:cancelled(), true)
        lu.assertAlmostEquals(bide.now() - before, 2, 1e-6)
        local child = bide.token():child { timeout = 1 }
        eq({ bide.scope({ token = child }, function()
            bide.sleep(1000)
        end) }, { nil, "timeout", "ETIMEDOUT" })
    end)
end

function test_token_cancels_a_task_spawned_under_it()
    run(function()
        local token = bide.token()
        local task, other = waiting_under(token), bide.spawn(bide.sleep, 1)
        token:cancel()
        eq(task:join(), false)
        other:await()
        bide.yield_now()
    end)
end

function test_token_closed_with_its_block_is_cancelled()
    run(function()
        local task
        do
            local token <close> = bide.token()
            task = waiting_under(token)
        end
        eq(reason_of(task), "the block of its token ended")
    end)
end

function test_token_may_be_dropped_while_tasks_are_under_it()
    run(function()
        local task = waiting_under(bide.token { timeout = 1 })
        collectgarbage()
        collectgarbage()
        local ok, err = task:join()
        eq(ok, false)
        eq(err.timeout, true)
    end)
end

function test_token_checks_its_options()
    lu.assertErrorMsgContains("unknown option 'time'", bide.token, { time = 1 })
    lu.assertErrorMsgContains("table expected", bide.token, 5)
    for _, bad in ipairs { -1, 0 / 0, "soon", {} } do
        run(function()
            lu.assertErrorMsgContains("an option in seconds must be a number >= 0",
                bide.token, { timeout = bad })
        end)
    end
end

support.finish()
