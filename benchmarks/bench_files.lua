-- Files whose content the system has in memory, as it has that of most files a
-- server reads: opening, reading and closing small ones; 64 KiB blocks in order;
-- 4 KiB anywhere; writing 4 KiB. CPU time of the process, threads included.
--
-- luv is driven as its manual says, by callbacks. "bare" is plain io, which holds
-- everything else up while it reads: what files cost at least.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local harness = require "harness"

local SMALL, BLOCK, PAGE, LARGE = 2048, 65536, 4096, 16 << 20
local cpu = harness.cpu

local small, large, written = os.tmpname(), os.tmpname(), os.tmpname()

local function fill(path, size)
    local file <close> = assert(io.open(path, "w"))
    file:write(("x"):rep(size))
end

fill(small, SMALL)
fill(large, LARGE)

-- Removes the files when the program ends, however it does.
local guard = setmetatable({}, {
    __gc = function()
        os.remove(small)
        os.remove(large)
        os.remove(written)
    end,
})

-- The same places for all.
local function offsets(n)
    local list, at = {}, 1
    for i = 1, n do
        at = at * 1103515245 + 12345 & 0x7fffffff
        list[i] = (at >> 8) % (LARGE // PAGE) * PAGE
    end
    return list
end

-- Runs step(i, next) for i = 1..n, each when the one before calls next, and
-- answers the CPU time.
local function chain(uv, n, step)
    local i = 0
    local start = cpu()
    local function next()
        i = i + 1
        if i <= n then
            step(i, next)
        end
    end
    next()
    uv.run()
    return cpu() - start
end

harness.case("open, read 2 KiB, close", {
    bide = function(n, bide)
        local open = bide.fs.open
        local start = cpu()
        for _ = 1, n do
            local file = open(small)
            assert(#file:read("a") == SMALL)
            file:close()
        end
        return cpu() - start
    end,
    luv = function(n, uv)
        return chain(uv, n, function(_, next)
            uv.fs_open(small, "r", 438, function(_, fd)
                uv.fs_read(fd, SMALL + 1, 0, function(_, data)
                    assert(#data == SMALL)
                    uv.fs_close(fd, next)
                end)
            end)
        end)
    end,
    bare = function(n)
        local start = cpu()
        for _ = 1, n do
            local file = io.open(small)
            assert(#file:read("a") == SMALL)
            file:close()
        end
        return cpu() - start
    end,
}, nil, "cpu")

harness.case("read 64 KiB in order", {
    bide = function(n, bide)
        local file <close> = assert(bide.fs.open(large))
        local start = cpu()
        for _ = 1, n do
            if not file:read(BLOCK) then
                file:seek("set")
            end
        end
        return cpu() - start
    end,
    luv = function(n, uv)
        local fd = assert(uv.fs_open(large, "r", 438))
        local at = 0
        local elapsed = chain(uv, n, function(_, next)
            uv.fs_read(fd, BLOCK, at, function(_, data)
                at = #data > 0 and at + #data or 0
                next()
            end)
        end)
        uv.fs_close(fd)
        return elapsed
    end,
    bare = function(n)
        local file <close> = assert(io.open(large))
        local start = cpu()
        for _ = 1, n do
            if not file:read(BLOCK) then
                file:seek("set")
            end
        end
        return cpu() - start
    end,
}, nil, "cpu")

harness.case("read 4 KiB anywhere", {
    bide = function(n, bide)
        local file <close> = assert(bide.fs.open(large))
        local places = offsets(n)
        local start = cpu()
        for i = 1, n do
            file:pread(PAGE, places[i])
        end
        return cpu() - start
    end,
    luv = function(n, uv)
        local fd = assert(uv.fs_open(large, "r", 438))
        local places = offsets(n)
        local elapsed = chain(uv, n, function(i, next)
            uv.fs_read(fd, PAGE, places[i], next)
        end)
        uv.fs_close(fd)
        return elapsed
    end,
    bare = function(n)
        local file <close> = assert(io.open(large))
        file:setvbuf("no")
        local places = offsets(n)
        local start = cpu()
        for i = 1, n do
            file:seek("set", places[i])
            file:read(PAGE)
        end
        return cpu() - start
    end,
}, nil, "cpu")

harness.case("write 4 KiB", {
    bide = function(n, bide)
        local file <close> = assert(bide.fs.open(written, "w"))
        local page = ("x"):rep(PAGE)
        local start = cpu()
        for i = 1, n do
            file:pwrite(page, i % 256 * PAGE)
        end
        return cpu() - start
    end,
    luv = function(n, uv)
        local fd = assert(uv.fs_open(written, "w", 438))
        local page = ("x"):rep(PAGE)
        local elapsed = chain(uv, n, function(i, next)
            uv.fs_write(fd, page, i % 256 * PAGE, next)
        end)
        uv.fs_close(fd)
        return elapsed
    end,
    bare = function(n)
        local file <close> = assert(io.open(written, "w"))
        file:setvbuf("no")
        local page = ("x"):rep(PAGE)
        local start = cpu()
        for i = 1, n do
            file:seek("set", i % 256 * PAGE)
            file:write(page)
        end
        return cpu() - start
    end,
}, nil, "cpu")

harness.main()
guard = nil
collectgarbage()
