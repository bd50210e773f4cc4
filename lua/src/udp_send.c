/* udp_send.c - sending datagrams.
 *
 *   u:send(data)               to the peer of a connected socket
 *   u:send_to(data, address)   or (data, host, port), the host numeric
 *   u:send_many(list)          of {data, address} or data */
#include "udp.h"

static int
send_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    lua_settop(L, 1);
    return 1;
}

static int
submit(lua_State *L, const bide_sockaddr *to, const char *what)
{
    bidelua_udp *u = bidelua_udp_check(L);
    size_t len;
    const char *data = luaL_checklstring(L, 2, &len);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), what);
    return bidelua_await(L, t, bide_udp_send(u->core, data, len, to, &t->wait),
                         send_done);
}

int
bidelua_udp_send(lua_State *L)
{
    return submit(L, NULL, "udp:send");
}

int
bidelua_udp_send_to(lua_State *L)
{
    bide_sockaddr to;
    bidelua_udp_check(L);
    bidelua_udp_checkaddress(L, 3, &to);
    return submit(L, &to, "udp:send_to");
}

/* -- without waiting ------------------------------------------------------ */

static int
send_now(lua_State *L, const bide_sockaddr *to, const char *what)
{
    bidelua_udp *u = bidelua_udp_check(L);
    bide_message m = {.to = to};
    size_t sent;
    m.data = luaL_checklstring(L, 2, &m.len);
    bidelua_task *t = bidelua_current(L, bidelua_self(L), what);
    return send_done(L, t, bide_udp_try_send(u->core, &m, 1, &sent));
}

int
bidelua_udp_try_send(lua_State *L)
{
    return send_now(L, NULL, "udp:try_send");
}

int
bidelua_udp_try_send_to(lua_State *L)
{
    bide_sockaddr to;
    bidelua_udp_check(L);
    bidelua_udp_checkaddress(L, 3, &to);
    return send_now(L, &to, "udp:try_send_to");
}

/* -- many ----------------------------------------------------------------- */

/* Stack: the socket, the list, the strings, the messages. */
enum { LIST = 2, STRINGS, MESSAGES };

static int
many_done(lua_State *L, bidelua_task *t, int status)
{
    size_t done = t->wait.u.io.done;
    if (status == 0)
        return send_done(L, t, 0);
    int n = bidelua_io_failed(L, t, status);
    lua_pushinteger(L, (lua_Integer)done);
    return n + 1;
}

/* Message `i`, on top of the stack; pops it. Its string is kept. */
static void
read_message(lua_State *L, lua_Integer i, bide_message *m, bide_sockaddr *to)
{
    bool pair = lua_istable(L, -1);
    m->to = NULL;
    if (pair) {
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        lua_rawgeti(L, -3, 3);
        if (!lua_isnil(L, -2)) {
            bidelua_udp_checkaddress(L, lua_gettop(L) - 1, to);
            m->to = to;
        }
        lua_pop(L, 2);
    }
    if (!lua_isstring(L, -1))
        luaL_error(L,
                   "message %d must be a string or a table of a string and "
                   "an address",
                   (int)i);
    m->data = lua_tolstring(L, -1, &m->len);
    lua_rawseti(L, STRINGS, i);
    if (pair)
        lua_pop(L, 1);
}

int
bidelua_udp_send_many(lua_State *L)
{
    bidelua_udp *u = bidelua_udp_check(L);
    luaL_checktype(L, LIST, LUA_TTABLE);
    lua_settop(L, LIST);
    size_t n = (size_t)lua_rawlen(L, LIST);
    lua_createtable(L, (int)n, 0);
    bide_message *list = lua_newuserdatauv(
        L, n * (sizeof(bide_message) + sizeof(bide_sockaddr)), 0);
    bide_sockaddr *to = (bide_sockaddr *)(void *)(list + n);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, LIST, (lua_Integer)i + 1);
        read_message(L, (lua_Integer)i + 1, &list[i], &to[i]);
    }
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "udp:send_many");
    int r = bide_udp_send_many(u->core, list, n, &t->wait);
    return bidelua_await(L, t, r, many_done);
}
