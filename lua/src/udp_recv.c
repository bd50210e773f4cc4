/* udp_recv.c - receiving datagrams.
 *
 *   u:recv(max)        the data of the next
 *   u:recv_from(max)   and its sender, a bide.address
 *   u:recv_many(limit) a list of {data, address}
 *   for data, address in u:datagrams() do    until the socket is closed */
#include "udp.h"

enum { MOST = 65535, MANY = 64 };

static bidelua_udp *
socket_of(lua_State *L)
{
    return lua_touserdata(L, 1);
}

static size_t
check_max(lua_State *L)
{
    size_t max = bidelua_optsize(L, 2, "max", 1, MOST);
    return max < MOST ? max : MOST;
}

/* Should there be no memory for a string, the chain goes with the next one. */
static void
hold(bidelua_udp *u, bide_datagram *chain)
{
    bide_datagram *old = u->held;
    u->held = chain;
    bide_udp_free(u->core, old);
}

/* -- one ------------------------------------------------------------------ */

/* Pushes a datagram and, if `from`, its sender; frees it. */
static int
push_one(lua_State *L, bide_datagram *d, bool from)
{
    bidelua_udp *u = socket_of(L);
    hold(u, d);
    lua_pushlstring(L, d->data, d->len);
    if (from)
        bidelua_udp_pushaddress(L, bidelua_self(L), &d->from);
    hold(u, NULL);
    return from ? 2 : 1;
}

static int
recv_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    return push_one(L, t->wait.value.as.ptr, false);
}

static int
from_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    return push_one(L, t->wait.value.as.ptr, true);
}

int
bidelua_udp_recv(lua_State *L)
{
    bidelua_udp *u = bidelua_udp_check(L);
    size_t max = check_max(L);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "udp:recv");
    return bidelua_await(L, t, bide_udp_recv(u->core, max, &t->wait),
                         recv_done);
}

int
bidelua_udp_recv_from(lua_State *L)
{
    bidelua_udp *u = bidelua_udp_check(L);
    size_t max = check_max(L);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "udp:recv_from");
    return bidelua_await(L, t, bide_udp_recv(u->core, max, &t->wait),
                         from_done);
}

/* -- without waiting ------------------------------------------------------ */

static int
receive_now(lua_State *L, bool from, const char *what)
{
    bidelua_udp *u = bidelua_udp_check(L);
    size_t max = check_max(L);
    bidelua_task *t = bidelua_current(L, bidelua_self(L), what);
    bide_datagram *d;
    int status = bide_udp_try_recv(u->core, max, &d);
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    return push_one(L, d, from);
}

int
bidelua_udp_try_recv(lua_State *L)
{
    return receive_now(L, false, "udp:try_recv");
}

int
bidelua_udp_try_recv_from(lua_State *L)
{
    return receive_now(L, true, "udp:try_recv_from");
}

/* -- many ----------------------------------------------------------------- */

static int
many_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    bidelua_udp *u = socket_of(L);
    hold(u, t->wait.value.as.ptr);
    lua_createtable(L, (int)t->wait.u.many.count, 0);
    lua_Integer i = 0;
    for (const bide_datagram *d = u->held; d; d = d->next) {
        lua_createtable(L, 2, 0);
        lua_pushlstring(L, d->data, d->len);
        lua_rawseti(L, -2, 1);
        bidelua_udp_pushaddress(L, t->S, &d->from);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, ++i);
    }
    hold(u, NULL);
    return 1;
}

int
bidelua_udp_recv_many(lua_State *L)
{
    bidelua_udp *u = bidelua_udp_check(L);
    size_t limit = bidelua_optsize(L, 2, "limit", 1, MANY);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "udp:recv_many");
    int r = bide_udp_recv_many(u->core, limit, &t->wait);
    return bidelua_await(L, t, r, many_done);
}

/* -- for data, address in u:datagrams() ------------------------------------ */

static int
next_done(lua_State *L, bidelua_task *t, int status)
{
    if (status == 0)
        return push_one(L, t->wait.value.as.ptr, true);
    if (status != BIDE_ECLOSED)
        return bidelua_raise(L, t, status);
    lua_pushnil(L);
    return 1;
}

static int
next_datagram(lua_State *L)
{
    bidelua_udp *u = bidelua_udp_check(L);
    bidelua_task *t = bidelua_enter(L, bidelua_self(L), "udp:datagrams");
    lua_settop(L, 1);
    return bidelua_await(L, t, bide_udp_recv(u->core, MOST, &t->wait),
                         next_done);
}

int
bidelua_udp_datagrams(lua_State *L)
{
    bidelua_udp_check(L);
    lua_settop(L, 1);
    bidelua_pushfunction(L, bidelua_self(L), next_datagram);
    lua_insert(L, 1);
    return 2;
}
