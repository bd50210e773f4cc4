-- Two tasks wait for each other's end.
--
-- expect: task "Romeo" ({B}) waits for task "Juliet" ({A}), which waits for
--     task "Romeo" ({B})
local bide = require "bide"

local function waits_for(tasks, name)
    tasks[name]:await()
end

bide.run(function()
    local tasks = {}
    tasks.Juliet = bide.spawn({ name = "Juliet" }, waits_for, tasks, "Romeo") -- A
    tasks.Romeo = bide.spawn({ name = "Romeo" }, waits_for, tasks, "Juliet") -- B
    tasks.Romeo:await()
end)
