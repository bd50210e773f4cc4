/* pack_path.c - says which value of a message could not travel.
 *
 * "upvalue 'db' of function <app.lua:12>", "field 'a.b[3]' of argument 2".   */
#include "pack.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Text being put together; what does not fit is cut off. */
typedef struct text {
    char buf[600];
    size_t len;
} text;

static void
add(text *t, const char *s)
{
    size_t room = sizeof t->buf - 1 - t->len;
    size_t n = strlen(s);
    if (n > room)
        n = room;
    memcpy(t->buf + t->len, s, n);
    t->len += n;
    t->buf[t->len] = '\0';
}

static bool
is_name(const char *s, size_t len)
{
    if (len == 0 || len > 40 || isdigit((unsigned char)s[0]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '_')
            return false;
    return true;
}

/* Adds one key: name, [3], ["odd one"], [a table]. */
static void
add_key(text *t, lua_State *L, int index, bool first)
{
    char buf[64];
    size_t len;
    const char *s;
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        s = lua_tolstring(L, index, &len);
        if (is_name(s, len)) {
            add(t, first ? "" : ".");
            add(t, s);
            return;
        }
        snprintf(buf, sizeof buf, "[\"%.40s\"]", s);
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            snprintf(buf, sizeof buf, "[%lld]",
                     (long long)lua_tointeger(L, index));
        else
            snprintf(buf, sizeof buf, "[%g]", (double)lua_tonumber(L, index));
        break;
    case LUA_TBOOLEAN:
        snprintf(buf, sizeof buf, "[%s]",
                 lua_toboolean(L, index) ? "true" : "false");
        break;
    default:
        snprintf(buf, sizeof buf, "[a %s]", luaL_typename(L, index));
        break;
    }
    add(t, buf);
}

/* Adds the fields that lead to `at`, outermost first; returns the step they
 * start from. */
static const bidelua_step *
add_fields(text *t, lua_State *L, const bidelua_step *at)
{
    const bidelua_step *fields[BIDELUA_PACK_DEPTH + 1];
    size_t n = 0;
    while (at->kind == BIDELUA_STEP_FIELD && n <= BIDELUA_PACK_DEPTH) {
        fields[n++] = at;
        at = at->up;
    }
    add(t, "field '");
    for (size_t i = n; i > 0; i--)
        add_key(t, L, fields[i - 1]->index, i == n);
    add(t, "'");
    return at;
}

static void
add_function(text *t, lua_State *L, int index)
{
    lua_Debug ar;
    char where[LUA_IDSIZE + 40];
    lua_pushvalue(L, index);
    lua_getinfo(L, ">S", &ar);
    snprintf(where, sizeof where, "function <%s:%d>", ar.short_src,
             ar.linedefined);
    add(t, where);
}

static void
add_root(text *t, const bidelua_step *at, bidelua_pack_role role)
{
    char buf[40];
    switch (role) {
    case BIDELUA_PACK_CALL:
        snprintf(buf, sizeof buf, "argument %d", at->index);
        add(t, at->index == 0 ? "the function" : buf);
        break;
    case BIDELUA_PACK_RESULT:
        snprintf(buf, sizeof buf, "result %d", at->index + 1);
        add(t, buf);
        break;
    case BIDELUA_PACK_ERROR:
        add(t, "the error raised");
        break;
    case BIDELUA_PACK_VALUE:
        add(t, "the value");
        break;
    }
}

int
bidelua_path_error(lua_State *L, const bidelua_step *at, bidelua_pack_role role,
                   const char *what, const char *problem)
{
    text t = {"", 0};
    while (at->kind != BIDELUA_STEP_ROOT) {
        if (at->kind == BIDELUA_STEP_FIELD) {
            at = add_fields(&t, L, at);
            add(&t, " of ");
        } else if (at->kind == BIDELUA_STEP_KEY) {
            at = at->up;
            add(&t, "a key of ");
        } else {
            add(&t, "upvalue '");
            add(&t, at->name);
            add(&t, "' of ");
            add_function(&t, L, at->index);
            at = at->up;
            /* The function handed in itself needs no more words. */
            if (at->kind == BIDELUA_STEP_ROOT && role == BIDELUA_PACK_CALL &&
                at->index == 0)
                return luaL_error(L, "%s: %s %s", what, t.buf, problem);
            add(&t, ", which is ");
        }
    }
    add_root(&t, at, role);
    return luaL_error(L, "%s: %s %s", what, t.buf, problem);
}
