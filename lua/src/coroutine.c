/* The coroutine of a task: how the loop steps it, how it ends.
 *
 * At its bottom stands bidelua_task_body, which calls the user's function in
 * protected mode from inside: so an error unwinds while the coroutine can
 * still be suspended, and to-be-closed variables may await.
 *
 * Invariant: `wait` is idle while the task runs. A coroutine that yields while
 * it is idle was suspended by a coroutine.yield of the user's. */
#include "scope.h"

/* -- stepping ------------------------------------------------------------- */

static int
report_detached(lua_State *L)
{
    bidelua_task *t = lua_touserdata(L, 1);

    bidelua_pushanchor(L, t->S, t->slot);
    lua_getiuservalue(L, -1, BIDELUA_TASK_TRACE);
    bidelua_failure_report(L, t->S, -1);
    return 0;
}

/* Stores the outcome, in the place of the coroutine. All that may raise has
 * been done in the body, so this needs no memory. */
static void
settle(bidelua_task *t, lua_State *from, int count)
{
    lua_State *vault = t->S->vault;

    lua_rawgeti(vault, BIDELUA_ANCHORS, t->slot);
    if (count > 0)
        lua_xmove(from, vault, 1);
    else
        lua_pushnil(vault);
    lua_setiuservalue(vault, -2, BIDELUA_TASK_CO);
    lua_pop(vault, 1);
    t->co = t->active = NULL;
}

static void
finish(bidelua_task *t)
{
    bidelua_state *S = t->S;

    bidelua_scope_abandon(t);
    if (t->reasoned)
        bidelua_dropreason(S, &t->base.base);
    bide_task_finish(&t->base);
    if (t->detached && t->outcome == BIDELUA_FAILED_WITH)
        bidelua_protect(S, report_detached, t);
    int slot = t->slot;
    if (t->ended)
        t->ended(t);
    if (t->slot == slot) /* else `ended` has taken it over */
        bidelua_unanchor(S, slot);
}

static void
step_after_stray_yield(bide_task *base)
{
    bide_wait_take(&((bidelua_task *)base)->wait);
    base->resume = bidelua_task_step;
    bidelua_task_step(base);
}

/* coroutine.yield() in a task lets others run. With values it is a mistake:
 * nobody is there to receive them. */
static const char *
stray_yield(bidelua_task *t, int count)
{
    lua_pop(t->co, count);
    if (count > 0)
        return "coroutine.yield with values in a task, where no resume "
               "receives them (bide.yield_now lets other tasks run)";
    if (bide_yield(&t->wait) != BIDE_PARKED)
        return "cancelled in coroutine.yield";
    t->base.resume = step_after_stray_yield;
    return NULL;
}

/* An error that the body did not catch: the coroutine could not even enter
 * it, it was closed by the user, or stray_yield ends it. */
typedef struct abnormal {
    bidelua_task *t;
    const char *why; /* NULL: the error is on top of the coroutine's stack */
} abnormal;

static int
settle_failure(lua_State *L)
{
    abnormal *a = lua_touserdata(L, 1);
    bidelua_task *t = a->t;

    if (a->why)
        lua_pushstring(L, a->why);
    else
        lua_xmove(t->co, L, 1);
    bidelua_failure_settle(L, t);
    bidelua_pushanchor(L, t->S, t->slot);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, BIDELUA_TASK_CO);
    return 0;
}

static void
fail(bidelua_task *t, const char *why)
{
    abnormal a = {t, why};

    if (why)
        lua_resetthread(t->co);
    t->outcome = BIDELUA_FAILED_WITH;
    bidelua_protect(t->S, settle_failure, &a);
    t->co = t->active = NULL;
    finish(t);
}

static void
stopped(bidelua_task *t, int status, int count)
{
    if (status == LUA_YIELD) {
        const char *why = stray_yield(t, count);
        if (why)
            fail(t, why);
    } else if (status != LUA_OK) {
        fail(t, NULL);
    } else {
        settle(t, t->co, count);
        finish(t);
    }
}

void
bidelua_task_step(bide_task *base)
{
    bidelua_task *t = (bidelua_task *)base;
    bidelua_state *S = t->S;
    int nargs = t->nargs, count;

    t->nargs = 0;
    S->running = t;
    int status = lua_resume(t->co, S->L, nargs, &count);
    S->running = NULL;
    if (status != LUA_YIELD || t->wait.state == BIDE_WAIT_IDLE)
        stopped(t, status, count);
}

/* A resume by somebody else than the loop finds the task still waiting, and
 * waits on. */
int
bidelua_woken(lua_State *L, int status, lua_KContext ctx)
{
    bidelua_task *t = (bidelua_task *)ctx;

    (void)status;
    if (t->S->running != t || t->active != L)
        return lua_yieldk(L, 0, ctx, bidelua_woken);
    return t->finish(L, t, bide_wait_take(&t->wait));
}

/* -- the body ------------------------------------------------------------- */

/* Leaves one value: the result, a table of several, or the error. */
static int
body_done(lua_State *L, int status, lua_KContext ctx)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = S->running;

    (void)ctx;
    if (status != LUA_OK && status != LUA_YIELD) {
        if (bidelua_iscancelled(L, S, -1) &&
            bide_scope_cancelled(&t->base.base)) {
            t->outcome = BIDELUA_CANCELLED_WITH;
            return 1;
        }
        bidelua_failure_settle(L, t);
        lua_pop(L, 1);
        t->outcome = BIDELUA_FAILED_WITH;
        return 1;
    }
    if (t->scopes) {
        lua_settop(L, 1);
        bidelua_scope_pushleftopen(L, t);
        return body_done(L, LUA_ERRRUN, 0);
    }
    t->nresults = lua_gettop(L) - 1;
    if (t->nresults > 1) {
        lua_createtable(L, t->nresults, 0);
        lua_replace(L, 1);
        for (int i = t->nresults; i >= 1; i--)
            lua_rawseti(L, 1, i);
        lua_settop(L, 1);
    }
    t->outcome = BIDELUA_RETURNED;
    return t->nresults > 0;
}

int
bidelua_task_body(lua_State *L)
{
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, 0, body_done);

    return body_done(L, status, 0);
}

void
bidelua_task_kill(bidelua_task *t)
{
    bide_wait_drop(&t->wait);
    lua_resetthread(t->co);
    lua_settop(t->co, 0);
    t->outcome = BIDELUA_CANCELLED_WITH;
    settle(t, t->co, 0);
    finish(t);
}
