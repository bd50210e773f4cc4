-- A task waits for its own end.
--
-- expect: task "ouroboros" ({A}) waits for task "ouroboros"
-- expect: {B}: in
local bide = require "bide"

bide.run(function()
    local task = bide.spawn({ name = "ouroboros" }, function() -- A
        bide.current():await() -- B
    end)
    task:await()
end)
