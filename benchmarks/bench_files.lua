-- Files: a small one opened, read and closed; 64 KiB pieces in sequence; appends
-- of 100 bytes. All of it is in the system's memory. Wall-clock time.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local harness = require "harness"

local PIECE = 65536
local LINE = ("x"):rep(99) .. "\n"

-- A file of `size` bytes for the time of fn(path).
local function with(size, fn)
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    file:write(("x"):rep(size))
    file:close()
    local ns = fn(path)
    os.remove(path)
    return ns
end

harness.case("read 4 KiB", {
    bide = function(n, bide)
        return with(4096, function(path)
            local start = bide.now()
            for _ = 1, n do
                local file <close> = assert(bide.fs.open(path))
                file:read("a")
            end
            return (bide.now() - start) * 1e9
        end)
    end,
})

harness.case("64 KiB pieces", {
    bide = function(n, bide)
        return with(64 << 20, function(path)
            local file <close> = assert(bide.fs.open(path))
            local start = bide.now()
            for _ = 1, n do
                if not file:read(PIECE) then
                    file:seek("set")
                end
            end
            return (bide.now() - start) * 1e9
        end)
    end,
})

harness.case("append 100 bytes", {
    bide = function(n, bide)
        return with(0, function(path)
            local file <close> = assert(bide.fs.open(path, "a"))
            local start = bide.now()
            for _ = 1, n do
                file:write(LINE)
            end
            return (bide.now() - start) * 1e9
        end)
    end,
})

harness.main()
