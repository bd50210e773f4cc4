-- An operation is used where no runtime runs.
--
-- expect: {A}: bide.sleep: ... bide.run
local bide = require "bide"

bide.sleep(1) -- A
