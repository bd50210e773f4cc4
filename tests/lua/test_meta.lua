-- The stubs for the language server name what the module has, and nothing else.
package.path = arg[0]:match("^(.-)[^/]*$") .. "?.lua;" .. package.path
local bide = require "bide"
local lu = require "luaunit"
local support = require "support"

local here = arg[0]:match("^(.-)[^/]*$")

local function stubs()
    local file <close> = assert(io.open(here .. "../../lua/meta/bide.lua"))
    return file:read("a")
end

-- The names that `pattern` captures in the stubs, as a set.
local function named(pattern)
    local set = {}
    for name in stubs():gmatch(pattern) do
        set[name] = true
    end
    return set
end

local function functions(t)
    local set = {}
    for name, value in pairs(t) do
        if type(value) == "function" then
            set[name] = true
        end
    end
    return set
end

function test_meta_names_the_functions()
    lu.assertEquals(named("\nfunction bide%.([%w_]+)%("), functions(bide))
    lu.assertEquals(named("\nfunction bide%.tcp%.([%w_]+)%("),
        functions(bide.tcp))
    lu.assertEquals(named("\nfunction bide%.process%.([%w_]+)%("),
        functions(bide.process))
    lu.assertEquals(named("\nfunction bide%.fs%.([%w_]+)%("),
        functions(bide.fs))
end

function test_meta_names_the_methods()
    local objects = {}
    support.run(function()
        objects.channel = bide.channel(1)
        objects.token = bide.token()
        objects.future = bide.future()
        objects.mutex = bide.mutex()
        objects.semaphore = bide.semaphore(1)
        objects.permit = objects.semaphore:acquire()
        objects.rwlock = bide.rwlock()
        objects.rwguard = objects.rwlock:read()
        objects.event = bide.event()
        objects.condition = bide.condition()
        objects.barrier = bide.barrier(1)
        objects.task = bide.current()
        objects.lazy = bide.async(print)()
        objects.lazy:await()
        objects.job = bide.job(function() end)
        objects.job:join()
        local scope <close> = bide.scope()
        objects.scope = scope
        local srv <close> = assert(bide.tcp.listen("127.0.0.1", 0))
        objects.listener = srv
        local c <close> = assert(bide.tcp.connect("127.0.0.1", srv:port()))
        objects.stream = c
        local file <close> = assert(bide.fs.open("/dev/null"))
        objects.file = file
        local changes <close> = assert(bide.fs.watch("/"))
        objects.changes = changes
        local temporary <close> = assert(bide.fs.temporary_file())
        objects.temporary = temporary
        objects.directory = assert(bide.fs.scandir("/"))
        objects.directory:close()
        objects.process = assert(bide.process.spawn { "true" })
    end, { virtual_clock = false })
    for class, object in pairs(objects) do
        lu.assertEquals(named("\nfunction " .. class .. ":([%w_]+)%("),
            functions(debug.getmetatable(object).__index), class)
    end
end

support.finish()
