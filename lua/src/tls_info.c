/* tls_info.c - what TLS has agreed on: stream:tls(), stream:session(). */
#include "stream.h"

/* Pushed as table fields by functions that may raise; the blocks of the core
 * are freed after their pcall. */
static void
set_text(lua_State *L, const char *field, const char *text)
{
    if (!*text)
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, field);
}

static int
push_peer(lua_State *L)
{
    const bide_tls_certificate *c = lua_touserdata(L, 1);
    lua_createtable(L, 0, 5);
    set_text(L, "subject", c->subject);
    set_text(L, "issuer", c->issuer);
    set_text(L, "names", c->names);
    set_text(L, "pem", c->pem);
    set_text(L, "fingerprint", c->fingerprint);
    return 1;
}

static void
set_peer(lua_State *L, const bide_stream *core)
{
    bide_tls_certificate *c;
    lua_pushcfunction(L, push_peer);
    if (bide_tls_peer(core, &c))
        luaL_error(L, "out of memory");
    if (!c) {
        lua_pop(L, 1);
        return;
    }
    lua_pushlightuserdata(L, c);
    int rc = lua_pcall(L, 1, 1, 0);
    bide_tls_free(c);
    if (rc != LUA_OK)
        lua_error(L);
    lua_setfield(L, -2, "peer");
}

int
bidelua_stream_tls(lua_State *L)
{
    bidelua_stream *s = bidelua_stream_check(L);
    bide_tls_info info;
    int rc = bide_tls_get_info(s->core, &info);
    lua_settop(L, 1);
    if (rc == BIDE_EINVALID) {
        lua_pushnil(L);
        return 1;
    }
    if (rc < 0)
        return bidelua_fail(L, NULL, rc);
    lua_createtable(L, 0, 6);
    if (!info.shaken)
        return 1;
    set_text(L, "version", info.version);
    set_text(L, "cipher", info.cipher);
    set_text(L, "alpn", info.alpn);
    set_text(L, "host", info.host);
    lua_pushboolean(L, info.session_reused);
    lua_setfield(L, -2, "session_reused");
    set_peer(L, s->core);
    return 1;
}

/* -- the session ---------------------------------------------------------- */

typedef struct bytes {
    char *data;
    size_t size;
} bytes;

static int
push_bytes(lua_State *L)
{
    const bytes *b = lua_touserdata(L, 1);
    lua_pushlstring(L, b->data, b->size);
    return 1;
}

int
bidelua_stream_session(lua_State *L)
{
    bidelua_stream *s = bidelua_stream_check(L);
    bytes b;
    lua_settop(L, 1);
    lua_pushcfunction(L, push_bytes);
    int rc = bide_tls_session(s->core, &b.data, &b.size);
    if (rc < 0 && rc != BIDE_EINVALID)
        return bidelua_fail(L, NULL, rc);
    if (rc < 0 || !b.data) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushlightuserdata(L, &b);
    rc = lua_pcall(L, 1, 1, 0);
    bide_tls_free(b.data);
    return rc == LUA_OK ? 1 : lua_error(L);
}
