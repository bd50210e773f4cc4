/* tls.c - bide.tls: contexts, connections, listeners, and TLS on a stream.
 *
 *   bide.tls.context{...}                a context, or nil, message, code
 *   bide.tls.connect(host, port, opts)   connection and handshake
 *   bide.tls.listen(host, port, ctx)     a listener of bide.tcp's kind
 *   stream:start_tls(ctx, opts)          a new stream; the old one is closed
 *   stream:handshake()                   waits for it */
#include "stream.h"

#include <errno.h>
#include <string.h>

typedef struct context {
    bide_tls_context *core;
    bool server;
} context;

enum { ALPN_MOST = 32 };

static const char *const context_options[] = {
    "server",       "ca_file",     "ca_dir",
    "ca",           "cert_file",   "key_file",
    "cert",         "key",         "key_password",
    "verify",       "any_host",    "alpn",
    "min_version",  "max_version", "ciphers",
    "ciphersuites", "no_sessions", "handshake_timeout",
    "names",        NULL};

/* -- contexts ------------------------------------------------------------- */

/* A string of the table at index 1, which keeps it. */
static const char *
text_option(lua_State *L, const char *name)
{
    int type = lua_getfield(L, 1, name);
    const char *text = type == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (type != LUA_TNIL && !text)
        luaL_error(L, "option '%s' must be a string", name);
    lua_pop(L, 1);
    return text;
}

static bool
flag_option(lua_State *L, const char *name)
{
    return bidelua_optionflag(L, 1, name, false);
}

/* The place of an option's text in a list; 0 when absent. */
static int
choice_option(lua_State *L, const char *name, const char *const *list)
{
    const char *text = text_option(L, name);
    for (int i = 0; text && list[i]; i++)
        if (strcmp(text, list[i]) == 0)
            return i + 1;
    if (text)
        luaL_error(L, "option '%s': '%s' is not known, try '%s'", name, text,
                   list[0]);
    return 0;
}

static int
version_option(lua_State *L, const char *name)
{
    static const char *const versions[] = {"1.2", "1.3", NULL};
    int at = choice_option(L, name, versions);
    return at ? 0x0302 + at : 0;
}

static void
alpn_option(lua_State *L, const char *list[ALPN_MOST + 1])
{
    int n = 0;
    if (lua_getfield(L, 1, "alpn") == LUA_TTABLE) {
        while (n < ALPN_MOST && lua_geti(L, -1, n + 1) == LUA_TSTRING) {
            list[n++] = lua_tostring(L, -1);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    } else if (!lua_isnil(L, -1)) {
        luaL_error(L, "option 'alpn' must be a list of protocol names");
    }
    lua_pop(L, 1);
    list[n] = NULL;
}

static void
read_config(lua_State *L, bide_tls_config *g, const char *alpn[])
{
    static const char *const verify[] = {"none", "optional", "required", NULL};
    g->server = flag_option(L, "server");
    g->ca_file = text_option(L, "ca_file");
    g->ca_dir = text_option(L, "ca_dir");
    g->ca_pem = text_option(L, "ca");
    g->cert_file = text_option(L, "cert_file");
    g->key_file = text_option(L, "key_file");
    g->cert_pem = text_option(L, "cert");
    g->key_pem = text_option(L, "key");
    g->key_password = text_option(L, "key_password");
    g->verify = choice_option(L, "verify", verify);
    g->any_host = flag_option(L, "any_host");
    g->min_version = version_option(L, "min_version");
    g->max_version = version_option(L, "max_version");
    g->ciphers = text_option(L, "ciphers");
    g->ciphersuites = text_option(L, "ciphersuites");
    g->no_sessions = flag_option(L, "no_sessions");
    if (lua_getfield(L, 1, "handshake_timeout") != LUA_TNIL)
        g->handshake_timeout = bidelua_checkseconds(L, -1);
    lua_pop(L, 1);
    alpn_option(L, alpn);
    g->alpn = alpn;
}

static context *
check_context(lua_State *L, int arg)
{
    return bidelua_check(L, bidelua_self(L), arg, BIDELUA_TLS);
}

/* names = {["example.org"] = context} */
static void
add_names(lua_State *L, context *c)
{
    int type = lua_getfield(L, 1, "names");
    if (type != LUA_TNIL && type != LUA_TTABLE)
        luaL_error(L, "option 'names' must be a table of contexts by name");
    if (type == LUA_TTABLE) {
        lua_pushnil(L);
        while (lua_next(L, -2)) {
            context *other = check_context(L, lua_gettop(L));
            int rc = lua_type(L, -2) == LUA_TSTRING
                         ? bide_tls_context_add_name(
                               c->core, lua_tostring(L, -2), other->core)
                         : BIDE_EINVALID;
            if (rc)
                luaL_error(L, "option 'names' must be a table of contexts of "
                              "servers by name, in one of a server");
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

static int
make_context(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    const char *alpn[ALPN_MOST + 1];
    bide_tls_config g = {0};
    char why[256];
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_newtable(L);
        lua_replace(L, 1);
    }
    bidelua_checkoptions(L, 1, context_options);
    read_config(L, &g, alpn);
    if (g.server && !g.cert_file && !g.cert_pem)
        luaL_error(L, "a server's context needs a certificate: cert_file and "
                      "key_file, or cert and key");
    context *c = bidelua_new(L, S, BIDELUA_TLS, sizeof *c, 0);
    c->server = g.server;
    int rc = bide_tls_context_new(&g, &c->core, why, sizeof why);
    if (rc == 0) {
        add_names(L, c);
        return 1;
    }
    if (rc == BIDE_EINVALID || rc == BIDE_ENOMEMORY)
        return bidelua_raise(L, NULL, rc);
    lua_pushnil(L);
    lua_pushstring(L, why);
    lua_pushstring(L, bide_error_name(rc));
    return 3;
}

static int
context_gc(lua_State *L)
{
    context *c = lua_touserdata(L, 1);
    bide_tls_context_unref(c->core);
    c->core = NULL;
    return 0;
}

/* -- on a stream ---------------------------------------------------------- */

static void
push_reason(lua_State *L, const bide_stream *core, int status)
{
    const char *reason = core ? bide_tls_reason(core) : "";
    if (*reason)
        lua_pushfstring(L, "TLS failed: %s", reason);
    else
        lua_pushstring(L, bide_strerror(status));
}

int
bidelua_tls_failed(lua_State *L, bidelua_task *t, int status)
{
    const bidelua_stream *s = lua_touserdata(L, 1);
    if (t && status == BIDE_ECANCELED)
        return bidelua_raise(L, t, status);
    lua_pushnil(L);
    push_reason(L, s->core, status);
    lua_pushstring(L, bide_error_name(status));
    return 3;
}

/* Stack: ..., the new stream on top. */
static int
shake_done(lua_State *L, bidelua_task *t, int status)
{
    if (status == 0)
        return 1;
    bidelua_stream *s = lua_touserdata(L, -1);
    bide_stream_close(s->core);
    if (status != BIDE_ETLS && status != BIDE_ECERTIFICATE)
        return bidelua_io_failed(L, t, status);
    lua_pushnil(L);
    push_reason(L, s->core, status);
    lua_pushstring(L, bide_error_name(status));
    return 3;
}

/* The options {host, session} of a client at `arg`. */
typedef struct client {
    const char *host, *session;
    size_t session_size;
} client;

static void
read_client(lua_State *L, int arg, client *c)
{
    *c = (client){NULL, NULL, 0};
    if (!lua_istable(L, arg))
        return;
    lua_getfield(L, arg, "host");
    c->host = lua_tostring(L, -1);
    lua_getfield(L, arg, "session");
    c->session = lua_tolstring(L, -1, &c->session_size);
    lua_pop(L, 2); /* the table keeps them */
}

static int
no_conversation(lua_State *L)
{
    lua_pushnil(L);
    lua_pushliteral(L, "TLS needs a socket, a pipe or a terminal: this stream "
                       "is a file or a device");
    lua_pushstring(L, bide_error_name(-ENOTSUP));
    return 3;
}

/* Moves `from` into a new stream with TLS, on top of the stack, and waits for
 * its handshake; the old one is closed. */
static int
start(lua_State *L, bidelua_task *t, bidelua_stream *from, context *c,
      const client *o)
{
    bide_stream *closed, *tls;
    bidelua_stream *to = bidelua_stream_new(L, t->S);
    int rc = bide_stream_new_closed(bide_stream_loop(from->core), &closed);
    if (rc)
        return bidelua_raise(L, t, rc);
    rc = c->server ? bide_tls_start_server(from->core, c->core, &tls)
                   : bide_tls_start_client(from->core, c->core, o->host,
                                           o->session, o->session_size, &tls);
    if (rc) {
        bide_stream_unref(closed);
        return rc == -ENOTSUP ? no_conversation(L)
                              : bidelua_io_failed(L, t, rc);
    }
    from->core = closed;
    to->core = tls;
    return bidelua_await(L, t, bide_tls_handshake(tls, &t->wait), shake_done);
}

int
bidelua_stream_start_tls(lua_State *L)
{
    static const char *const known[] = {"host", "session", NULL};
    bidelua_state *S = bidelua_self(L);
    bidelua_stream *s = bidelua_stream_check(L);
    context *c = check_context(L, 2);
    client o;
    lua_settop(L, 3);
    if (!lua_isnil(L, 3))
        bidelua_checkoptions(L, 3, known);
    read_client(L, 3, &o);
    bidelua_task *t = bidelua_enter(L, S, "stream:start_tls");
    return start(L, t, s, c, &o);
}

static int
handshake_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_io_failed(L, t, status);
    lua_pushboolean(L, 1);
    return 1;
}

int
bidelua_stream_handshake(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    bidelua_stream *s = bidelua_stream_check(L);
    bidelua_task *t = bidelua_enter(L, S, "stream:handshake");
    return bidelua_await(L, t, bide_tls_handshake(s->core, &t->wait),
                         handshake_done);
}

/* -- connect -------------------------------------------------------------- */

/* Stack: host, port, options, context, the plain stream. */
static int
connect_done(lua_State *L, bidelua_task *t, int status)
{
    if (status < 0)
        return bidelua_tcp_failed(L, t, status, "connect to");
    client o;
    bidelua_stream *s = lua_touserdata(L, 5);
    s->core = t->wait.value.as.ptr;
    read_client(L, 3, &o);
    if (!o.host)
        o.host = lua_tostring(L, 1);
    return start(L, t, s, lua_touserdata(L, 4), &o);
}

/* Pushes the context of the options at index 3, or one with the defaults; or
 * nil, message, code. */
static int
push_context(lua_State *L)
{
    if (lua_istable(L, 3) && lua_getfield(L, 3, "context") != LUA_TNIL) {
        if (check_context(L, 4)->server)
            luaL_error(L, "option 'context' is a server's");
        return 1;
    }
    lua_settop(L, 3);
    bide_tls_config defaults = {0};
    char why[256];
    context *c = bidelua_new(L, bidelua_self(L), BIDELUA_TLS, sizeof *c, 0);
    c->server = false;
    int rc = bide_tls_context_new(&defaults, &c->core, why, sizeof why);
    if (rc == 0)
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, why);
    lua_pushstring(L, bide_error_name(rc));
    return 3;
}

static int
tls_connect(lua_State *L)
{
    static const char *const known[] = {"context", "host", "session", NULL};
    bidelua_state *S = bidelua_self(L);
    const char *host = bidelua_checktext(L, 1);
    int port = bidelua_checkport(L, 2, 1);
    luaL_argcheck(L, *host, 1, "a host name or address is needed");
    lua_settop(L, 3);
    if (!lua_isnil(L, 3))
        bidelua_checkoptions(L, 3, known);
    int given = push_context(L);
    if (given != 1)
        return given;
    bidelua_task *t = bidelua_enter(L, S, "bide.tls.connect");
    bidelua_stream_new(L, S);
    return bidelua_await(L, t, bide_tcp_connect(host, port, &t->wait),
                         connect_done);
}

/* -- listen --------------------------------------------------------------- */

/* Stack: host, port, context, the listener to be. */
static int
listen_done(lua_State *L, bidelua_task *t, int status)
{
    const context *c = lua_touserdata(L, 3);
    bidelua_listener *l = lua_touserdata(L, 4);
    if (status == 0) {
        l->core = t->wait.value.as.ptr;
        status = bide_tls_serve(l->core, c->core);
    }
    if (status < 0)
        return bidelua_tcp_failed(L, t, status, "listen on");
    lua_settop(L, 4);
    return 1;
}

static int
tls_listen(lua_State *L)
{
    bidelua_state *S = bidelua_self(L);
    const char *host = lua_isnoneornil(L, 1) ? "" : bidelua_checktext(L, 1);
    int port = bidelua_checkport(L, 2, 0);
    luaL_argcheck(L, check_context(L, 3)->server, 3,
                  "a context of a server is needed: server = true");
    lua_settop(L, 3);
    bidelua_task *t = bidelua_enter(L, S, "bide.tls.listen");
    bidelua_new(L, S, BIDELUA_LISTENER, sizeof(bidelua_listener), 0);
    return bidelua_await(L, t, bide_tcp_listen(host, port, NULL, &t->wait),
                         listen_done);
}

static const luaL_Reg meta[] = {
    {"__gc", context_gc},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"context", make_context},
    {"connect", tls_connect},
    {"listen", tls_listen},
    {NULL, NULL},
};

const bidelua_type bidelua_tls_type = {
    .name = "bide.tls_context",
    .meta = meta,
    .functions = functions,
    .table = "tls",
};
