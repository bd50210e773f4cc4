-- Runs every test file, each in a process of its own, and sums up.
--   lua run.lua [names ...]     run.lua mutex scope: test_mutex.lua, ...
-- BIDE_LUA_GC=1 runs each twice more, with the collector at its most eager:
-- incremental with pause 0, and generational.
local here = arg[0]:match("^(.-)[^/]*$")
local lua = arg[-1] or "lua"

local function test_files()
    if arg[1] then
        local files = {}
        for i, name in ipairs(arg) do
            files[i] = here .. "test_" .. name .. ".lua"
        end
        return files
    end
    local files = {}
    local where = here == "" and "." or here
    local pipe <close> = assert(io.popen("ls '" .. where .. "'"))
    for name in pipe:lines() do
        if name:match("^test_.*%.lua$") then
            files[#files + 1] = here .. name
        end
    end
    return files
end

-- Runs one file; its number of tests, or nil after a failure.
local function run(file, mode)
    local pipe = assert(io.popen(("BIDE_LUA_GC_MODE='%s' '%s' '%s' 2>&1")
        :format(mode, lua, file)))
    local output = pipe:read("a")
    local passed = pipe:close()
    local summary = output:match("(Ran %d+ tests[^\n]*)")
    print(("%-32s %-12s %s"):format(file:match("[^/]*$"), mode,
        summary or "no summary"))
    if passed and summary then
        return tonumber(summary:match("%d+"))
    end
    print(output)
end

local modes = { "" }
if os.getenv("BIDE_LUA_GC") == "1" then
    modes = { "", "incremental", "generational" }
end
local count, failed = 0, {}
for _, file in ipairs(test_files()) do
    for _, mode in ipairs(modes) do
        local tests = run(file, mode)
        count = count + (tests or 0)
        if not tests then
            failed[#failed + 1] = file .. " " .. mode
        end
    end
end
print(("%d tests in all, %d files failed"):format(count, #failed))
for _, name in ipairs(failed) do
    print("FAILED " .. name)
end
os.exit(#failed == 0 and count > 0)
