/* stream.h - what stream.c, tcp.c and listener.c share. */
#ifndef BIDELUA_STREAM_H
#define BIDELUA_STREAM_H

#include "bidelua.h"

/* The userdata of a stream; `core` is NULL until it is connected. */
typedef struct bidelua_stream {
    const void *mark; /* &bidelua_stream_mark: tells it from other userdata */
    bide_stream *core;
    int lost; /* the last status of bide_stream_lost, or 0 */
} bidelua_stream;

typedef struct bidelua_listener {
    bide_listener *core;
    bide_shortage shortage; /* as clients() and serve() see it */
} bidelua_listener;

extern const char bidelua_stream_mark;

/* Pushes a stream that is not connected yet. */
bidelua_stream *bidelua_stream_new(lua_State *L, bidelua_state *S);

/* The stream at index 1, with fewer calls into Lua than comparing metatables
 * takes. */
static inline bidelua_stream *
bidelua_stream_check(lua_State *L)
{
    bidelua_stream *s = lua_touserdata(L, 1);
    if (s && lua_rawlen(L, 1) == sizeof *s && s->mark == &bidelua_stream_mark)
        return s;
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_STREAM);
}

/* What an I/O call that ended with `status` answers: nil, message, code; or it
 * raises, for cancellation and the mistakes of the program. */
int bidelua_io_failed(lua_State *L, bidelua_task *t, int status);

/* nil, "connect to localhost port 80: connection refused", "ECONNREFUSED"; host
 * and port are at stack indices 1 and 2. Or it raises, as above. */
int bidelua_tcp_failed(lua_State *L, bidelua_task *t, int status,
                       const char *what);

/* The options of connections, {nodelay = true, keepalive = seconds}, in the
 * table at `arg` (nil: none): checked, and set. `serving`: those of serve are
 * there too. */
void bidelua_stream_checkoptions(lua_State *L, int arg, bool serving);
void bidelua_stream_configure(lua_State *L, int arg, bidelua_stream *s);

/* Pushes host and port, or the path of a Unix socket; or answers as above. */
int bidelua_pushaddress(lua_State *L, int status, const bide_address *a);

/* Methods: writer.c. */
int bidelua_stream_write(lua_State *L);
int bidelua_stream_sendfile(lua_State *L);
int bidelua_stream_shutdown(lua_State *L);

/* And nowait.c. */
int bidelua_stream_peek(lua_State *L);
int bidelua_stream_try_read(lua_State *L);
int bidelua_stream_buffered(lua_State *L);
int bidelua_stream_try_write(lua_State *L);
int bidelua_stream_write_nowait(lua_State *L);
int bidelua_stream_drain(lua_State *L);
int bidelua_stream_unsent(lua_State *L);
int bidelua_stream_limits(lua_State *L);

/* stdio.c */
int bidelua_stream_is_tty(lua_State *L);
int bidelua_stream_tty_size(lua_State *L);
int bidelua_stream_set_tty_size(lua_State *L);
int bidelua_stream_set_raw(lua_State *L);

/* tls.c and tls_info.c */
int bidelua_stream_start_tls(lua_State *L);
int bidelua_stream_handshake(lua_State *L);
int bidelua_stream_tls(lua_State *L);
int bidelua_stream_session(lua_State *L);

/* nil, what OpenSSL says about the stream at index 1, code. */
int bidelua_tls_failed(lua_State *L, bidelua_task *t, int status);

#endif
