-- Child processes: started and waited for, and run with their output read. CPU
-- time of this process, its children's not counted.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local harness = require "harness"

harness.case("spawn and wait", {
    bide = function(n, bide)
        local start = harness.cpu()
        for _ = 1, n do
            local process = assert(bide.process.spawn {
                "/bin/echo", "hello", stdout = "null",
            })
            process:wait()
        end
        return harness.cpu() - start
    end,
    luv = function(n, uv)
        local start, left = harness.cpu(), n
        local null = assert(uv.fs_open("/dev/null", "w", 0))
        local function next_one()
            local process
            process = assert(uv.spawn("/bin/echo", {
                args = { "hello" }, stdio = { nil, null, nil },
            }, function()
                process:close()
                left = left - 1
                if left > 0 then
                    next_one()
                end
            end))
        end
        next_one()
        uv.run()
        uv.fs_close(null)
        return harness.cpu() - start
    end,
}, nil, "cpu")

harness.case("run with output", {
    bide = function(n, bide)
        local start = harness.cpu()
        for _ = 1, n do
            local result = assert(bide.process.run { "/bin/echo", "hello" })
            assert(result.stdout == "hello\n")
        end
        return harness.cpu() - start
    end,
    luv = function(n, uv)
        local start, left = harness.cpu(), n
        local function next_one()
            local out, err = uv.new_pipe(false), uv.new_pipe(false)
            local parts, open, process = {}, 3, nil
            local function over(handle)
                handle:close()
                open = open - 1
                if open > 0 then
                    return
                end
                assert(table.concat(parts) == "hello\n")
                left = left - 1
                if left > 0 then
                    next_one()
                end
            end
            process = assert(uv.spawn("/bin/echo", {
                args = { "hello" }, stdio = { nil, out, err },
            }, function()
                over(process)
            end))
            out:read_start(function(_, data)
                if data then
                    parts[#parts + 1] = data
                else
                    over(out)
                end
            end)
            err:read_start(function(_, data)
                if not data then
                    over(err)
                end
            end)
        end
        next_one()
        uv.run()
        return harness.cpu() - start
    end,
}, nil, "cpu")

harness.main()
