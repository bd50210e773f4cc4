/* Scopes: opening, children, joining, and the object with its <close>. */
#include "scope.h"

/* -- opening and leaving -------------------------------------------------- */

bidelua_scope *
bidelua_scope_open(lua_State *L, bidelua_task *t,
                   const bidelua_scope_options *o)
{
    bidelua_state *S = t->S;
    bide_token *token = o->token ? bidelua_token_core(L, o->token) : NULL;
    bidelua_scope *g = bidelua_new(L, S, BIDELUA_SCOPE, sizeof *g, 1);

    g->S = S;
    if (o->token) {
        lua_pushvalue(L, o->token);
        lua_setiuservalue(L, -2, 1);
    }
    bide_scope_init(&g->core);
    if (o->shield)
        bide_scope_shield(&g->core, o->grace);
    lua_pushvalue(L, -1);
    g->slot = bidelua_anchor(L, S);
    int rc = bide_scope_enter(&g->core, &t->base, token);
    if (rc == 0 && o->timeout != BIDE_FOREVER) {
        int64_t deadline = bidelua_deadline(t->base.loop, o->timeout);
        rc = bide_scope_deadline(&g->core, deadline);
        if (rc)
            bide_scope_leave(&g->core);
    }
    if (rc) {
        bidelua_unanchor(S, g->slot);
        bidelua_require(L, rc, "bide.scope");
    }
    g->task = t;
    g->outer = t->scopes;
    t->scopes = g;
    return g;
}

bool
bidelua_scope_joined(bidelua_scope *g)
{
    if (g->joining)
        bide_scope_leave(&g->shield);
    g->joining = false;
    return g->waited && bide_scope_cancelled(&g->core);
}

int
bidelua_scope_leave(lua_State *L, bidelua_scope *g)
{
    bidelua_task *t = g->task;

    bidelua_scope_joined(g);
    int rc = t->scopes == g ? bide_scope_leave(&g->core) : BIDE_EINVALID;
    if (rc == BIDE_EINVALID)
        luaL_error(L, "a scope was closed before one that was opened later "
                      "in the same task: close them innermost first");
    t->scopes = g->outer;
    g->task = NULL;
    if (g->reasoned)
        bidelua_dropreason(g->S, &g->core);
    bidelua_unanchor(g->S, g->slot);
    return rc;
}

void
bidelua_scope_pushdecider(lua_State *L, bidelua_scope *g)
{
    bidelua_pushanchor(L, g->S, g->decider_slot);
    bidelua_unanchor(g->S, g->decider_slot);
    g->decider = NULL;
}

void
bidelua_scope_abandon(bidelua_task *t)
{
    for (bidelua_scope *g = t->scopes; g; g = g->outer) {
        bide_scope_cancel(&g->core,
                          bidelua_reason("the task of the scope has ended"));
        if (g->reasoned)
            bidelua_dropreason(g->S, &g->core);
        if (g->decider)
            bidelua_unanchor(g->S, g->decider_slot);
        g->decider = NULL;
        g->task = NULL;
        g->joining = false;
        if (g->live == 0)
            bidelua_unanchor(g->S, g->slot);
    }
    t->scopes = NULL;
}

void
bidelua_scope_pushleftopen(lua_State *L, bidelua_task *t)
{
    bidelua_task_describe(L, t, false);
    lua_pushfstring(L,
                    "%s ended inside a scope it had opened: declare it as "
                    "'local scope <close> = ...'",
                    lua_tostring(L, -1));
}

/* -- children ------------------------------------------------------------- */

/* Those that would be waited for have ended. */
static void
end_background(bidelua_scope *g)
{
    if (g->live == g->background)
        bide_scope_cancel_background(&g->core);
}

static void
child_ended(bidelua_task *t)
{
    bidelua_scope *g = t->owner;
    bool decides = g->race ? t->outcome != BIDELUA_CANCELLED_WITH
                           : t->outcome == BIDELUA_FAILED_WITH;

    g->live--;
    g->background -= t->background;
    if (decides && g->task && g->decider == NULL) {
        g->decider = t;
        g->decider_slot = t->slot;
        t->slot = 0;
        bide_scope_cancel(
            &g->core, bidelua_reason(g->race ? "another one won the race"
                                             : "a task of the scope failed"));
    }
    if (g->live > 0) {
        if (g->joining)
            end_background(g);
        return;
    }
    if (g->joining)
        bide_unpark(&g->task->wait, 0);
    else if (g->task == NULL)
        bidelua_unanchor(g->S, g->slot);
}

bidelua_task *
bidelua_scope_spawn(lua_State *L, bidelua_scope *g, int first, const char *what)
{
    bidelua_spawn o = {.group = &g->core, .ended = child_ended, .owner = g};
    bidelua_task *t = bidelua_task_spawnargs(L, g->S, first, &o, what);

    g->live++;
    g->background += o.background;
    return t;
}

void
bidelua_scope_fail(bidelua_scope *g)
{
    if (!bide_scope_cancelled(&g->core))
        bide_scope_cancel(&g->core,
                          bidelua_reason("the block of the scope failed"));
}

int
bidelua_scope_join(lua_State *L, bidelua_task *t, bidelua_scope *g,
                   bidelua_finish finish)
{
    if (g->live == 0)
        return finish(L, t, 0);
    bide_scope_init(&g->shield);
    bide_scope_shield(&g->shield, BIDE_FOREVER);
    bidelua_require(L, bide_scope_enter(&g->shield, &t->base, NULL), "join");
    g->joining = g->waited = true;
    t->what = "scope:close";
    end_background(g);
    /* A race is over with its first task. */
    int r = g->race ? bide_park(&t->wait) : bide_park_for(&g->core, &t->wait);
    return bidelua_await(L, t, r, finish);
}

/* -- the object ----------------------------------------------------------- */

static bidelua_scope *
check_scope(lua_State *L)
{
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_SCOPE);
}

/* Whether the error in flight at `index` is the work of this very scope,
 * which answered `left` when it was left. */
static bool
is_own(lua_State *L, bidelua_state *S, int index, int left)
{
    return left < 0 && bidelua_iscancelled(L, S, index);
}

/* 1: the scope, 2: the error in flight or nil. */
static int
close_joined(lua_State *L, bidelua_task *t, int status)
{
    bidelua_scope *g = lua_touserdata(L, 1);
    bool failing = !lua_isnil(L, 2);
    bool struck = bidelua_scope_joined(g);

    (void)status;
    if (struck)
        bidelua_pushcancelled(L, t);
    int left = bidelua_scope_leave(L, g);
    if (g->decider) {
        bidelua_scope_pushdecider(L, g);
        if (!failing || is_own(L, g->S, 2, left))
            return bidelua_task_rethrow(L, g->S, lua_gettop(L));
    }
    if (is_own(L, g->S, 2, left))
        bidelua_endcancelled(L, g->S, 2);
    if (failing || !struck || left == BIDE_ECANCELED)
        return 0;
    if (left == BIDE_ETIMEDOUT)
        bidelua_endcancelled(L, g->S, 3);
    lua_settop(L, 3);
    return lua_error(L);
}

static int
scope_close(lua_State *L)
{
    bidelua_scope *g = check_scope(L);

    lua_settop(L, 2);
    if (g->task == NULL)
        return 0;
    if (g->live > 0)
        bidelua_enter(L, g->S, "scope:close");
    if (g->task != g->S->running)
        return luaL_error(L, "scope:close in a task that did not open it");
    if (!lua_isnil(L, 2))
        bidelua_scope_fail(g);
    return bidelua_scope_join(L, g->task, g, close_joined);
}

static int
scope_spawn(lua_State *L)
{
    bidelua_scope *g = check_scope(L);

    if (g->task == NULL)
        return luaL_error(L, "scope:spawn: the scope is closed");
    bidelua_scope_spawn(L, g, 2, "scope:spawn");
    return 1;
}

static int
scope_cancel(lua_State *L)
{
    bidelua_scope *g = check_scope(L);
    bool live = g->task && !(g->core.flags & BIDE_SCOPE_CANCELLED);

    if (live && !lua_isnoneornil(L, 2)) {
        bidelua_setreason(L, g->S, &g->core, 2);
        g->reasoned = true;
    }
    if (live)
        bide_scope_cancel(&g->core, BIDE_NO_VALUE);
    lua_pushboolean(L, live);
    return 1;
}

static int
scope_cancelled(lua_State *L)
{
    lua_pushboolean(L, bide_scope_cancelled(&check_scope(L)->core));
    return 1;
}

static int
scope_count(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)check_scope(L)->live);
    return 1;
}

void
bidelua_scope_readoptions(lua_State *L, bidelua_state *S, int arg,
                          bidelua_scope_options *o)
{
    static const char *const known[] = {"timeout", "shield", "token", NULL};

    bidelua_checkoptions(L, arg, known);
    if (lua_getfield(L, arg, "timeout") != LUA_TNIL)
        o->timeout = bidelua_checkseconds(L, -1);
    lua_pop(L, 1);
    if (lua_getfield(L, arg, "shield") != LUA_TNIL && lua_toboolean(L, -1)) {
        o->shield = true;
        o->grace =
            lua_isboolean(L, -1) ? BIDE_FOREVER : bidelua_checkseconds(L, -1);
    }
    lua_pop(L, 1);
    if (lua_getfield(L, arg, "token") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    if (!bidelua_test(L, S, -1, BIDELUA_TOKEN))
        luaL_argerror(L, arg, "option 'token' must be a bide.token");
    o->token = lua_gettop(L);
}

static const luaL_Reg methods[] = {
    {"spawn", scope_spawn},         {"cancel", scope_cancel},
    {"cancelled", scope_cancelled}, {"count", scope_count},
    {"close", scope_close},         {NULL, NULL},
};

static const luaL_Reg meta[] = {
    {"__close", scope_close},
    {NULL, NULL},
};

const bidelua_type bidelua_scope_type = {"bide.scope", methods, meta, NULL,
                                         NULL};
