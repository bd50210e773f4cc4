-- luv: libuv's callbacks in Lua, uv_try_write first as the C server does. It
-- has no TLS.
package.path = (arg[0]:match "^.*/" or "./") .. "?.lua;" .. package.path
local uv = require "luv"
local transport = require "transport"

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
        if conn:is_closing() then
            return
        elseif err or not data then
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

local function serve_datagrams()
    local socket = uv.new_udp()
    assert(socket:bind("127.0.0.1", 0))
    assert(socket:recv_start(function(err, data, from)
        if data and not err then
            socket:try_send(data, from.ip, from.port)
        end
    end))
    transport.announce(socket:getsockname().port)
end

local function listen(server, new, prepare)
    assert(server:listen(1024, function(err)
        assert(not err, err)
        local conn = new()
        server:accept(conn)
        prepare(conn)
        serve(conn)
    end))
end

local function nodelay(conn)
    conn:nodelay(true)
end

-- A client that has gone is an error of a write, and no end of the process.
uv.new_signal():start "sigpipe"

if transport.kind == "udp" then
    serve_datagrams()
elseif transport.kind == "unix" then
    local server = uv.new_pipe(false)
    assert(server:bind(transport.argument))
    listen(server, function()
        return uv.new_pipe(false)
    end, function() end)
    transport.announce(0)
elseif transport.kind == "tcp" then
    local server = uv.new_tcp()
    assert(server:bind("127.0.0.1", 0))
    listen(server, uv.new_tcp, nodelay)
    transport.announce(server:getsockname().port)
else
    transport.refuse()
end
uv.run()
