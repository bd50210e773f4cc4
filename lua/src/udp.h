/* udp.h - what the files of bide.udp share. */
#ifndef BIDELUA_UDP_H
#define BIDELUA_UDP_H

#include "stream.h"

/* The userdata of a socket; `core` is NULL until it is open. */
typedef struct bidelua_udp {
    bide_udp *core;
    bide_datagram *held; /* being made into strings, which may raise */
} bidelua_udp;

static inline bidelua_udp *
bidelua_udp_check(lua_State *L)
{
    return bidelua_check(L, bidelua_self(L), 1, BIDELUA_UDP);
}

/* Pushes a bide.address. */
void bidelua_udp_pushaddress(lua_State *L, bidelua_state *S,
                             const bide_sockaddr *a);

/* The address at `arg`: a bide.address, or a host, which has to be numeric, and
 * a port behind it. */
void bidelua_udp_checkaddress(lua_State *L, int arg, bide_sockaddr *out);

/* Options that can be set at any time; `arg` is a table that has been checked,
 * or nil. 0 or an error of the core. */
#define BIDELUA_UDP_OPTIONS                                                    \
    "broadcast", "ttl", "multicast_ttl", "multicast_loop", "recv_buffer",      \
        "send_buffer", "multicast_interface", NULL
int bidelua_udp_tune(lua_State *L, int arg, bide_udp *u);

/* Raises for values that no option takes, before anything is opened. */
void bidelua_udp_checktuning(lua_State *L, int arg);

/* Methods: udp_recv.c, udp_send.c, udp_options.c. */
int bidelua_udp_recv(lua_State *L);
int bidelua_udp_recv_from(lua_State *L);
int bidelua_udp_recv_many(lua_State *L);
int bidelua_udp_try_recv(lua_State *L);
int bidelua_udp_try_recv_from(lua_State *L);
int bidelua_udp_datagrams(lua_State *L);
int bidelua_udp_send(lua_State *L);
int bidelua_udp_send_to(lua_State *L);
int bidelua_udp_send_many(lua_State *L);
int bidelua_udp_try_send(lua_State *L);
int bidelua_udp_try_send_to(lua_State *L);
int bidelua_udp_set(lua_State *L);
int bidelua_udp_get(lua_State *L);
int bidelua_udp_join(lua_State *L);
int bidelua_udp_leave(lua_State *L);

#endif
