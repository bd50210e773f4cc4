/* channel.c - bide.channel, bide.unbounded_channel.
 *
 *   ch:send(v) ch:recv() ch:recv_many(limit)      suspend the task, or, in a
 *                                                 worker thread, block it
 *   ch:try_send(v) ch:try_recv()                  never wait
 *   ch:close() ch:closed() ch:capacity() #ch      for v in ch do ... end
 *
 * nil stands for the end, so it cannot be sent. How values travel: conduit.h.
 */
#include "conduit.h"
#include "job.h"

#include <math.h>
#include <string.h>

enum { MANY = 256, MANY_MOST = 4096 };

const char bidelua_channel_mark = 0;

/* The channel at index 1. Two calls into Lua where comparing metatables takes
 * four: on the way of a value that is a tenth of the time. */
static inline bidelua_channel *
check(lua_State *L)
{
    bidelua_channel *h = lua_touserdata(L, 1);
    if (h && lua_rawlen(L, 1) == sizeof *h && h->mark == &bidelua_channel_mark)
        return h;
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_CHANNEL);
}

/* What a call that got nothing answers. */
static int
nothing(lua_State *L, const char *why, int status)
{
    lua_pushnil(L);
    lua_pushstring(L, why);
    lua_pushstring(L, bide_error_name(status));
    return 3;
}

/* The results of an operation that failed with `status`. */
static int
failed(lua_State *L, bidelua_task *t, int status, const char *would_block)
{
    switch (status) {
    case BIDE_ECLOSED:
        return nothing(L, "closed", status);
    case BIDE_EWOULDBLOCK:
        return nothing(L, would_block, status);
    case BIDE_ETIMEDOUT:
        return nothing(L, "timeout", status);
    default:
        return bidelua_raise(L, t, status);
    }
}

/* -- blocking, in a worker thread ----------------------------------------- */

/* A blocked thread looks up this often whether its job was cancelled. */
static const int64_t slice = 50000000; /* ns */

typedef int (*attempt)(bide_channel *core, bide_value *v, int64_t timeout);

static int
try_to_send(bide_channel *core, bide_value *v, int64_t timeout)
{
    return bide_channel_send_blocking(core, *v, timeout);
}

static int
try_to_recv(bide_channel *core, bide_value *v, int64_t timeout)
{
    return bide_channel_recv_blocking(core, v, timeout);
}

static int
block(bide_channel *core, attempt try, bide_value *v, int64_t timeout)
{
    for (;;) {
        if (bidelua_worker_cancelled())
            return BIDE_ECANCELED;
        int64_t now = timeout < slice ? timeout : slice;
        int status = try(core, v, now);
        if (status != BIDE_ETIMEDOUT)
            return status;
        if (timeout != BIDE_FOREVER)
            timeout -= now;
        if (timeout <= 0)
            return BIDE_ETIMEDOUT;
    }
}

static int64_t
opt_timeout(lua_State *L, int arg)
{
    return lua_isnoneornil(L, arg) ? BIDE_FOREVER
                                   : bidelua_checkseconds(L, arg);
}

/* Whether to block: in a worker thread, but not in a task of a run there. */
static bool
blocks(const bidelua_state *S)
{
    return S->running == NULL && bidelua_worker_here();
}

static void
refuse_timeout(lua_State *L, int arg)
{
    if (lua_gettop(L) >= arg && !lua_isnil(L, arg))
        luaL_argerror(L, arg,
                      "a timeout is for worker threads; "
                      "in a task use bide.timeout(seconds, fn)");
}

static int
cancelled_or_failed(lua_State *L, int status, const char *would_block)
{
    if (status == BIDE_ECANCELED)
        return bidelua_worker_raise_cancelled(L, bidelua_self(L));
    return failed(L, NULL, status, would_block);
}

static int
send_blocking(lua_State *L, bidelua_channel *h)
{
    int64_t timeout = opt_timeout(L, 3);
    bide_value v = bidelua_conduit_put(L, 1, 2, "channel:send");
    int status = block(h->conduit->core, try_to_send, &v, timeout);
    if (status < 0) {
        bidelua_conduit_drop(L, 1, v);
        return cancelled_or_failed(L, status, "full");
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int
recv_blocking(lua_State *L, bidelua_channel *h)
{
    bide_value v;
    int64_t timeout = opt_timeout(L, 2);
    int status = block(h->conduit->core, try_to_recv, &v, timeout);
    if (status < 0)
        return cancelled_or_failed(L, status, "empty");
    bidelua_conduit_get(L, 1, v);
    return 1;
}

/* -- sending -------------------------------------------------------------- */

static int
send_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0) {
        bidelua_conduit_drop(L, 1, t->wait.value);
        return failed(L, t, status, "full");
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int
channel_send(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_channel *h = check(L);
    if (blocks(S))
        return send_blocking(L, h);
    bidelua_task *t = bidelua_enter(L, S, "channel:send");
    refuse_timeout(L, 3);
    t->wait.value = bidelua_conduit_put(L, 1, 2, "channel:send");
    int r = bide_channel_send(h->conduit->core, &t->wait);
    return bidelua_await(L, t, r, send_done);
}

static int
channel_try_send(lua_State *L)
{
    bidelua_channel *h = check(L);
    bide_value v = bidelua_conduit_put(L, 1, 2, "channel:try_send");
    int status = bide_channel_try_send(h->conduit->core, v);
    if (status < 0) {
        bidelua_conduit_drop(L, 1, v);
        return failed(L, NULL, status, "full");
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* -- receiving ------------------------------------------------------------ */

static int
recv_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return failed(L, t, status, "empty");
    bidelua_conduit_get(L, 1, t->wait.value);
    return 1;
}

static inline int
recv(lua_State *L, bidelua_state *S, bidelua_channel *h)
{
    bidelua_task *t = bidelua_enter(L, S, "channel:recv");
    int r = bide_channel_recv(h->conduit->core, &t->wait);
    return bidelua_await(L, t, r, recv_done);
}

static int
channel_recv(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_channel *h = check(L);
    if (blocks(S))
        return recv_blocking(L, h);
    refuse_timeout(L, 2);
    return recv(L, S, h);
}

/* One step of `for v in ch`: called with the loop's state and last value. */
static int
channel_next(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_channel *h = check(L);
    if (!blocks(S))
        return recv(L, S, h);
    lua_settop(L, 1);
    return recv_blocking(L, h);
}

static int
channel_try_recv(lua_State *L)
{
    bidelua_channel *h = check(L);
    bide_value v;
    int status = bide_channel_try_recv(h->conduit->core, &v);
    if (status < 0)
        return failed(L, NULL, status, "empty");
    bidelua_conduit_get(L, 1, v);
    return 1;
}

/* The values are received into a userdata at stack index 3, where they stay
 * put; then they go into a table. */
static int
push_many(lua_State *L, const bide_value *values, size_t count)
{
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        bidelua_conduit_get(L, 1, values[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int
recv_many_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return failed(L, t, status, "empty");
    return push_many(L, lua_touserdata(L, 3), t->wait.u.many.count);
}

static int
recv_many_blocking(lua_State *L, bidelua_channel *h, bide_value *values,
                   size_t limit)
{
    bide_channel *core = h->conduit->core;
    int status = block(core, try_to_recv, values, opt_timeout(L, 4));
    if (status < 0)
        return cancelled_or_failed(L, status, "empty");
    size_t n = 1;
    while (n < limit && bide_channel_try_recv(core, &values[n]) == 0)
        n++;
    return push_many(L, values, n);
}

static int
channel_recv_many(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_channel *h = check(L);
    size_t limit = bidelua_optsize(L, 2, "limit", 1, MANY);
    if (limit > MANY_MOST)
        limit = MANY_MOST;
    lua_settop(L, 3);
    bidelua_task *t =
        blocks(S) ? NULL : bidelua_enter(L, S, "channel:recv_many");
    bide_value *values = lua_newuserdatauv(L, limit * sizeof *values, 0);
    lua_insert(L, 3);
    if (!t)
        return recv_many_blocking(L, h, values, limit);
    refuse_timeout(L, 4);
    int r = bide_channel_recv_many(h->conduit->core, &t->wait, values, limit);
    return bidelua_await(L, t, r, recv_many_done);
}

/* -- the rest ------------------------------------------------------------- */

static int
channel_close(lua_State *L)
{
    bide_channel_close(check(L)->conduit->core);
    return 0;
}

static int
channel_closed(lua_State *L)
{
    lua_pushboolean(L, bide_channel_closed(check(L)->conduit->core));
    return 1;
}

static int
channel_len(lua_State *L)
{
    size_t n = bide_channel_len(check(L)->conduit->core);
    lua_pushinteger(L, (lua_Integer)n);
    return 1;
}

static int
channel_capacity(lua_State *L)
{
    size_t n = bide_channel_capacity(check(L)->conduit->core);
    if (n == SIZE_MAX)
        lua_pushnumber(L, (lua_Number)HUGE_VAL);
    else
        lua_pushinteger(L, (lua_Integer)n);
    return 1;
}

static int
channel_name(lua_State *L)
{
    lua_pushstring(L, check(L)->conduit->name);
    return 1;
}

/* Two handles of one channel, which came by different messages, are equal. */
static int
channel_eq(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_channel *a = bidelua_test(L, S, 1, BIDELUA_CHANNEL);
    bidelua_channel *b = bidelua_test(L, S, 2, BIDELUA_CHANNEL);
    lua_pushboolean(L, a && b && a->conduit == b->conduit);
    return 1;
}

static int
channel_tostring(lua_State *L)
{
    bidelua_conduit *c = check(L)->conduit;
    if (c->name)
        lua_pushfstring(L, "bide.channel '%s'", c->name);
    else
        lua_pushfstring(L, "bide.channel: %p", (void *)c);
    return 1;
}

static int
channel_gc(lua_State *L)
{
    bidelua_channel *h = lua_touserdata(L, 1);
    bidelua_conduit *c = h->conduit;
    h->conduit = NULL;
    if (c)
        bidelua_conduit_unref(c);
    return 0;
}

/* -- making --------------------------------------------------------------- */

/* Pushes a handle without a conduit. */
static bidelua_channel *
new_handle(lua_State *L, bidelua_state *S, bool home)
{
    bidelua_channel *h =
        bidelua_new(L, S, BIDELUA_CHANNEL, sizeof *h, home ? 1 : 0);
    h->mark = &bidelua_channel_mark;
    h->conduit = NULL;
    h->home = home;
    if (home) {
        lua_newtable(L);
        lua_setiuservalue(L, -2, 1);
    }
    return h;
}

static int
make(lua_State *L, size_t capacity, int name_arg)
{
    bidelua_state *S = bidelua_self(L);
    const char *name = bidelua_optname(L, name_arg);
    bide_site site = bidelua_site(L, S, 1);
    bidelua_channel *h = new_handle(L, S, true);
    bidelua_conduit *c = bidelua_conduit_new(name, site.file);
    if (!c)
        return bidelua_raise(L, NULL, BIDE_ENOMEMORY);
    h->conduit = c;
    site.file = c->file;
    int r = capacity == SIZE_MAX
                ? bide_channel_new_unbounded(c->name, site, &c->core)
                : bide_channel_new(capacity, c->name, site, &c->core);
    bidelua_require(L, r, "bide.channel");
    return 1;
}

/* bide.channel(capacity [, name]) */
static int
new_channel(lua_State *L)
{
    if (lua_isnoneornil(L, 1))
        luaL_argerror(L, 1,
                      "a capacity is needed; "
                      "bide.unbounded_channel() has none");
    return make(L, bidelua_checksize(L, 1, "capacity", 1), 2);
}

/* bide.unbounded_channel([name]) */
static int
new_unbounded(lua_State *L)
{
    return make(L, SIZE_MAX, 1);
}

/* -- to other threads ----------------------------------------------------- */

static void *
carrier_take(lua_State *L, int index)
{
    bidelua_conduit_share(L, index);
    bidelua_channel *h = lua_touserdata(L, index);
    return bidelua_conduit_ref(h->conduit);
}

static void
carrier_push(lua_State *L, void *object)
{
    bidelua_channel *h = new_handle(L, bidelua_self(L), false);
    h->conduit = bidelua_conduit_ref(object);
}

static void
carrier_drop(void *object)
{
    bidelua_conduit_unref(object);
}

const bidelua_carrier bidelua_channel_carrier = {carrier_take, carrier_push,
                                                 carrier_drop};

static const luaL_Reg methods[] = {
    {"send", channel_send},           {"recv", channel_recv},
    {"try_send", channel_try_send},   {"try_recv", channel_try_recv},
    {"recv_many", channel_recv_many}, {"close", channel_close},
    {"closed", channel_closed},       {"capacity", channel_capacity},
    {"name", channel_name},           {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__call", channel_next},
    {"__len", channel_len},
    {"__close", channel_close},
    {"__gc", channel_gc},
    {"__eq", channel_eq},
    {"__tostring", channel_tostring},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"channel", new_channel},
    {"unbounded_channel", new_unbounded},
    {NULL, NULL},
};

const bidelua_type bidelua_channel_type = {
    .name = "bide.channel",
    .methods = methods,
    .meta = meta,
    .functions = functions,
};
