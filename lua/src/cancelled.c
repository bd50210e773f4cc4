/* Errors from statuses, and the error object of a cancellation.
 *
 * Invariant: a cancelled object is in force from the wait that raised it until
 * it passes the edge of the scope that was cancelled; there `over` is set, and
 * it goes on as an ordinary error. */
#include <string.h>

#include "bidelua.h"

typedef struct cancelled {
    bool expired;
    bool over;
} cancelled;

enum { TEXT = 1 }; /* tag of a reason that is a static C string */

bide_value
bidelua_reason(const char *text)
{
    bide_value v = BIDE_NO_VALUE;

    v.as.ptr = (void *)(uintptr_t)text;
    v.tag = TEXT;
    return v;
}

void
bidelua_setreason(lua_State *L, bidelua_state *S, const bide_scope *s,
                  int index)
{
    if (lua_isnoneornil(L, index))
        return;
    index = lua_absindex(L, index);
    bidelua_pushvault(L, S, BIDELUA_REASONS);
    if (lua_rawgetp(L, -1, s) == LUA_TNIL) {
        lua_pushvalue(L, index);
        lua_rawsetp(L, -3, s);
    }
    lua_pop(L, 2);
}

/* A nil is never inserted, so nothing is allocated and nothing can raise. */
void
bidelua_dropreason(bidelua_state *S, const bide_scope *s)
{
    lua_pushnil(S->vault);
    lua_rawsetp(S->vault, BIDELUA_REASONS, s);
}

static void
push_reason(lua_State *L, bidelua_state *S, const bide_scope *cause)
{
    if (cause && cause->reason.tag == TEXT) {
        lua_pushstring(L, cause->reason.as.ptr);
    } else if (cause) {
        lua_rawgetp(S->vault, BIDELUA_REASONS, cause);
        lua_xmove(S->vault, L, 1);
    } else {
        lua_pushnil(L);
    }
}

void
bidelua_pushcancelled(lua_State *L, bidelua_task *t)
{
    bide_scope *cause = bide_scope_cause(t->base.scope);

    cancelled *c = bidelua_new(L, t->S, BIDELUA_CANCELLED, sizeof *c, 1);
    c->expired = cause && (cause->flags & BIDE_SCOPE_EXPIRED);
    push_reason(L, t->S, cause);
    if (c->expired && lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushliteral(L, "timeout");
    }
    lua_setiuservalue(L, -2, 1);
}

void
bidelua_newcancelled(lua_State *L, bidelua_state *S)
{
    bidelua_new(L, S, BIDELUA_CANCELLED, sizeof(cancelled), 1);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, 1);
}

bool
bidelua_iscancelled(lua_State *L, bidelua_state *S, int index)
{
    cancelled *c = bidelua_test(L, S, index, BIDELUA_CANCELLED);

    return c && !c->over;
}

void
bidelua_endcancelled(lua_State *L, bidelua_state *S, int index)
{
    cancelled *c = bidelua_test(L, S, index, BIDELUA_CANCELLED);

    if (c)
        c->over = true;
}

/* -- raising -------------------------------------------------------------- */

int
bidelua_fail(lua_State *L, bidelua_task *t, int status)
{
    if (status == BIDE_ECANCELED && t)
        return bidelua_raise(L, t, status);
    lua_pushnil(L);
    lua_pushstring(L, bide_strerror(status));
    lua_pushstring(L, bide_error_name(status));
    return 3;
}

/* With the whole cycle: who waits for what, held by whom. */
static int
raise_deadlock(lua_State *L, bidelua_task *t)
{
    luaL_Buffer b;
    size_t size = bide_wait_explain(&t->wait, NULL, 0) + 1;

    luaL_where(L, 1);
    lua_pushfstring(L, "%s: a deadlock: ", t->what);
    luaL_buffinit(L, &b);
    bide_wait_explain(&t->wait, luaL_prepbuffsize(&b, size), size);
    luaL_addsize(&b, size - 1);
    luaL_addstring(&b, " (EDEADLOCK)");
    luaL_pushresult(&b);
    lua_concat(L, 3);
    return lua_error(L);
}

int
bidelua_raise(lua_State *L, bidelua_task *t, int status)
{
    if (status == BIDE_ECANCELED && t) {
        bidelua_pushcancelled(L, t);
        return lua_error(L);
    }
    if (status == BIDE_EDEADLOCK && t && t->wait.kind)
        return raise_deadlock(L, t);
    return luaL_error(L, "%s%s%s (%s)", t && t->what ? t->what : "",
                      t && t->what ? ": " : "", bide_strerror(status),
                      bide_error_name(status));
}

void
bidelua_require(lua_State *L, int status, const char *what)
{
    if (status < 0)
        luaL_error(L, "%s: %s (%s)", what, bide_strerror(status),
                   bide_error_name(status));
}

int
bidelua_cannot_await(lua_State *L, bidelua_state *S, const char *what)
{
    if (S->running == NULL)
        return luaL_error(L,
                          "%s: await only works inside bide.run(function() "
                          "... end)",
                          what);
    bidelua_task_describe(L, S->running, false);
    const char *whose = lua_tostring(L, -1);
    if (S->running->active != L)
        return luaL_error(L,
                          "%s called inside a plain coroutine of %s: the "
                          "yield would end in that coroutine's resume; make "
                          "it with bide.wrap, or bide.spawn a task",
                          what, whose);
    return luaL_error(L,
                      "%s cannot suspend %s here: between them stands a C "
                      "function that cannot yield (table.sort, string.gsub, "
                      "require, a finalizer, ...)",
                      what, whose);
}

bidelua_task *
bidelua_current(lua_State *L, bidelua_state *S, const char *what)
{
    if (S->running == NULL)
        luaL_error(L, "%s only works inside bide.run(function() ... end)",
                   what);
    return S->running;
}

/* -- the object ----------------------------------------------------------- */

static int
cancelled_index(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    cancelled *c = bidelua_check(L, S, 1, BIDELUA_CANCELLED);
    const char *key = luaL_checkstring(L, 2);

    if (strcmp(key, "reason") == 0)
        lua_getiuservalue(L, 1, 1);
    else if (strcmp(key, "timeout") == 0)
        lua_pushboolean(L, c->expired);
    else
        lua_pushnil(L);
    return 1;
}

static int
cancelled_tostring(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    cancelled *c = bidelua_check(L, S, 1, BIDELUA_CANCELLED);

    if (c->expired) {
        lua_pushliteral(L, "timeout");
    } else if (lua_getiuservalue(L, 1, 1) == LUA_TNIL) {
        lua_pushliteral(L, "cancelled");
    } else {
        const char *reason = luaL_tolstring(L, -1, NULL);
        lua_pushfstring(L, "cancelled: %s", reason);
    }
    return 1;
}

static int
is_cancelled(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, bidelua_iscancelled(L, bidelua_self(L), 1));
    return 1;
}

static const luaL_Reg meta[] = {
    {"__index", cancelled_index},
    {"__tostring", cancelled_tostring},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"is_cancelled", is_cancelled},
    {NULL, NULL},
};

const bidelua_type bidelua_cancelled_type = {"bide.cancelled", NULL, meta,
                                             functions, NULL};
