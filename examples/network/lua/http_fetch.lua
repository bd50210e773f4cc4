-- Fetches many URLs at once: at most so many at a time, each within a deadline.
--
--   lua http_fetch.lua URL...
--
-- Prints a line for each URL as it ends: status or error, size, time. Exits with
-- 1 if any failed.
local bide = require "bide"

local LIMIT <const> = 8
local TIMEOUT <const> = 10 -- seconds

local function read_chunks(c)
    local parts = {}
    while true do
        local size = tonumber(assert(c:read("l")):match("^%x+") or "", 16)
        if not size then
            error("the server sent no size of a chunk", 0)
        elseif size == 0 then
            repeat local line = assert(c:read("l")) until line == ""
            return table.concat(parts)
        end
        parts[#parts + 1] = assert(c:read(size))
        assert(c:read("l"))
    end
end

local function read_answer(c)
    local version, status = assert(c:read("l")):match("^HTTP/1%.(%d) (%d%d%d)")
    if not version then
        error("this is not HTTP/1", 0)
    end
    local headers = {}
    for line in c:lines() do
        if line == "" then
            break
        end
        local name, value = line:match("^([^:]+):%s*(.-)%s*$")
        headers[(name or line):lower()] = value
    end
    local body
    if (headers["transfer-encoding"] or ""):lower():find("chunked") then
        body = read_chunks(c)
    elseif headers["content-length"] then
        local length = tonumber(headers["content-length"])
        body = length == 0 and "" or assert(c:read(length))
    else
        body = assert(c:read("a"))
    end
    return tonumber(status), body
end

local function connect(scheme, host, port)
    if scheme == "https" then
        return bide.tls.connect(host, tonumber(port) or 443)
    end
    return bide.tcp.connect(host, tonumber(port) or 80)
end

local function fetch(url)
    local scheme, place, target = url:match("^(https?)://([^/]+)(/?.*)$")
    if not scheme then
        error("neither http nor https", 0)
    end
    local host, port = place:match("^(.-):(%d+)$")
    host = (host or place):match("^%[(.+)%]$") or host or place
    local c <close> = assert(connect(scheme, host, port))
    assert(c:write("GET ", target == "" and "/" or target, " HTTP/1.1\r\nHost: ",
        place, "\r\nUser-Agent: bide-example\r\nAccept: */*\r\n",
        "Connection: close\r\n\r\n"))
    return read_answer(c)
end

-- Whether it worked; prints how it went.
local function fetch_one(url, permits)
    local permit <close> = permits:acquire()
    local start = bide.now()
    local fine, status, body = pcall(bide.timeout, TIMEOUT, fetch, url)
    if not fine and bide.is_cancelled(status) then
        error(status, 0)
    end
    local outcome = fine and status
    if not fine then
        outcome = tostring(status):match("[^\n]*")
    elseif not status then
        outcome = ("no answer within %g s"):format(TIMEOUT)
    end
    print(("%s  %d bytes  %.3f s  %s"):format(outcome,
        fine and status and #body or 0, bide.now() - start, url))
    io.stdout:flush()
    return math.type(outcome) == "integer" and outcome < 400
end

local worked = bide.run(function()
    local permits = bide.semaphore(LIMIT, { name = "connections" })
    local all = true
    do
        local g <close> = bide.scope()
        for _, url in ipairs(arg) do
            g:spawn(function()
                all = fetch_one(url, permits) and all
            end)
        end
    end
    return all
end)
os.exit(worked, true)
