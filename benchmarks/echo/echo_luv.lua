-- luv: libuv's callbacks in Lua, uv_try_write first as the C server does.
local uv = require "luv"

local server = uv.new_tcp()
assert(server:bind("127.0.0.1", 0))

local function serve(conn)
    local on_read
    local function write_rest(data)
        conn:read_stop()
        conn:write(data, function(err)
            if conn:is_closing() then
                return
            elseif err then
                conn:close()
            else
                conn:read_start(on_read)
            end
        end)
    end
    function on_read(err, data)
        if err or not data then
            return conn:close()
        end
        local done, _, code = conn:try_write(data)
        if not done and code ~= "EAGAIN" then
            return conn:close()
        end
        done = done or 0
        if done < #data then
            write_rest(data:sub(done + 1))
        end
    end
    conn:read_start(on_read)
end

assert(server:listen(1024, function(err)
    assert(not err, err)
    local conn = uv.new_tcp()
    server:accept(conn)
    conn:nodelay(true)
    serve(conn)
end))

print(server:getsockname().port)
io.stdout:flush()
uv.run()
