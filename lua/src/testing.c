/* What bide.testing (lua/bide/testing.lua) asks of the core. */
#include "bidelua.h"

static int
all_parked_done(lua_State *L, bidelua_task *t, int status)
{
    return status < 0 ? bidelua_raise(L, t, status) : 0;
}

static int
wait_all_parked(lua_State *L)
{
    bidelua_task *t =
        bidelua_enter(L, bidelua_self(L), "testing.wait_all_parked");

    return bidelua_await(L, t, bide_wait_all_parked(&t->wait), all_parked_done);
}

typedef struct task_list {
    lua_State *L;
    bidelua_task *own;
} task_list;

static void
add_task(bide_task *base, void *arg)
{
    task_list *list = arg;
    bidelua_task *t = (bidelua_task *)base;
    lua_State *L = list->L;

    if (base->resume != bidelua_task_step || t == list->own ||
        !lua_checkstack(L, 4))
        return;
    bidelua_pushanchor(L, t->S, t->slot);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* () -> list of the other tasks that are not done, handles, jobs */
static int
left(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_task *t = bidelua_current(L, S, "testing.left");
    task_list list = {L, t};
    bide_loop_counts counts;

    bide_loop_count(t->base.loop, &counts);
    lua_createtable(L, (int)counts.tasks, 0);
    bide_loop_each_task(t->base.loop, add_task, &list);
    lua_pushinteger(L, (lua_Integer)counts.handles);
    lua_pushinteger(L, (lua_Integer)counts.jobs);
    return 3;
}

/* (task) -> 'task "x" (spawned at file:line)' */
static int
describe(lua_State *L)
{
    bidelua_task_describe(L, bidelua_check(L, bidelua_self(L), 1, BIDELUA_TASK),
                          true);
    return 1;
}

static const luaL_Reg functions[] = {
    {"wait_all_parked", wait_all_parked},
    {"left", left},
    {"describe", describe},
    {NULL, NULL},
};

const bidelua_type bidelua_testing_type = {NULL, NULL, NULL, functions,
                                           "_testing"};
