/* Starting tasks: bide.spawn, and what other files spawn with. */
#include "scope.h"

static bidelua_task *
new_task(lua_State *L, bidelua_state *S, const bidelua_spawn *o)
{
    bidelua_task *t =
        bidelua_new(L, S, BIDELUA_TASK, sizeof *t, BIDELUA_TASK_VALUES);

    t->S = S;
    t->ended = o->ended;
    t->owner = o->owner;
    t->detached = o->detached;
    t->background = o->background;
    bide_task_init(&t->base, bidelua_task_step);
    bide_task_set_background(&t->base, o->background);
    bide_wait_init(&t->wait, &t->base);
    t->base.site = bidelua_site(L, S, 1);
    if (o->name) {
        lua_pushvalue(L, o->name);
        t->base.name = lua_tostring(L, -1);
        lua_setiuservalue(L, -2, BIDELUA_TASK_NAME);
    }
    if (o->token) {
        lua_pushvalue(L, o->token);
        lua_setiuservalue(L, -2, BIDELUA_TASK_TOKEN);
    }
    return t;
}

bidelua_task *
bidelua_task_spawn(lua_State *L, bidelua_state *S, int nargs,
                   const bidelua_spawn *o)
{
    static const bidelua_spawn plain = {0};

    if (S->rt == NULL)
        luaL_error(L, "spawn only works inside bide.run(function() ... end)");
    bidelua_task *t = new_task(L, S, o ? o : &plain);
    t->co = t->active = lua_newthread(L);
    lua_setiuservalue(L, -2, BIDELUA_TASK_CO);
    if (!lua_checkstack(t->co, nargs + LUA_MINSTACK))
        luaL_error(L, "too many arguments for a task");
    lua_insert(L, -nargs - 2);
    bidelua_pushvault(t->co, S, BIDELUA_BODY);
    bidelua_pushvault(t->co, S, BIDELUA_TRACER);
    lua_xmove(L, t->co, nargs + 1);
    t->nargs = nargs + 2;
    lua_pushvalue(L, -1);
    t->slot = bidelua_anchor(L, S);
    bide_token *token = o && o->token ? bidelua_token_core(L, o->token) : NULL;
    int rc = bide_task_start(&t->base, S->rt->loop, o ? o->group : NULL, token);
    if (rc < 0) {
        bidelua_unanchor(S, t->slot);
        bidelua_require(L, rc, "spawn");
    }
    return t;
}

static void
read_options(lua_State *L, bidelua_state *S, int arg, bidelua_spawn *o)
{
    static const char *const known[] = {"name", "token", "background", NULL};

    bidelua_checkoptions(L, arg, known);
    o->background = bidelua_optionflag(L, arg, "background", false);
    if (bidelua_optname(L, arg)) {
        lua_insert(L, arg + 1);
        o->name = arg + 1;
    } else {
        lua_pop(L, 1);
    }
    if (lua_getfield(L, arg, "token") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    if (!bidelua_test(L, S, -1, BIDELUA_TOKEN))
        luaL_argerror(L, arg, "option 'token' must be a bide.token");
    lua_insert(L, arg + 1);
    o->token = arg + 1;
    o->name += o->name != 0;
}

/* A table that can be called is a function, not options. */
static bool
is_options(lua_State *L, int arg)
{
    if (lua_type(L, arg) != LUA_TTABLE)
        return false;
    if (luaL_getmetafield(L, arg, "__call") == LUA_TNIL)
        return true;
    lua_pop(L, 1);
    return false;
}

bidelua_task *
bidelua_task_spawnargs(lua_State *L, bidelua_state *S, int first,
                       bidelua_spawn *o, const char *what)
{
    if (is_options(L, first)) {
        read_options(L, S, first, o);
        first += 1 + (o->name != 0) + (o->token != 0);
    }
    if (bidelua_test(L, S, first, BIDELUA_LAZY)) {
        int nargs = bidelua_lazy_unpack(L, S, first);
        return bidelua_task_spawn(L, S, nargs, o);
    }
    if (lua_type(L, first) != LUA_TFUNCTION) {
        if (luaL_getmetafield(L, first, "__call") == LUA_TNIL)
            luaL_error(L, "%s: a function or a lazy future expected, got %s",
                       what, luaL_typename(L, first));
        lua_pop(L, 1);
    }
    return bidelua_task_spawn(L, S, lua_gettop(L) - first, o);
}

static int
spawn(lua_State *L)
{
    bidelua_spawn o = {0};

    bidelua_task_spawnargs(L, bidelua_self(L), 1, &o, "bide.spawn");
    return 1;
}

static const luaL_Reg functions[] = {
    {"spawn", spawn},
    {NULL, NULL},
};

const bidelua_type bidelua_spawn_type = {NULL, NULL, NULL, functions, NULL};
