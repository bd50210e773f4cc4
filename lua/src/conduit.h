/* conduit.h - a channel as the lua_States that use it share it, and the way of
 * Lua values through it.
 *
 * By reference   As long as only the Lua state that made the channel has it,
 *                values go through as they are: scalars inside the bide_value,
 *                others in a cargo, whose slot is an entry of the anchor table
 *                in the handle's user value. So a channel and what is inside
 *                are collected together, cycles included.
 * Copied         From the moment the channel is handed to another lua_State
 *                it is shared, and values other than scalars are packed. What
 *                is inside at that moment is packed in place.
 *
 * The cargoes' lists belong to the thread of the state that made the channel;
 * once shared, no cargo is made or reused.                                   */
#ifndef BIDELUA_CONDUIT_H
#define BIDELUA_CONDUIT_H

#include "bidelua.h"
#include "pack.h"

#include <stdatomic.h>

/* A value on its way by reference. */
typedef struct bidelua_cargo {
    struct bidelua_cargo *next,
        *prev; /* those on their way; or the free ones */
    struct bidelua_cargo *all;
    bidelua_packed *packed; /* after the channel was shared */
    int slot;
} bidelua_cargo;

typedef struct bidelua_conduit {
    bide_channel *core;
    atomic_uint refs;
    bool shared, sharing;
    bidelua_cargo *under_way, *free, *all;
    int slots;
    char *name, *file; /* what the core borrows; owned */
} bidelua_conduit;

/* The userdata of a channel. User value 1: the anchor table. */
typedef struct bidelua_channel {
    const void *mark; /* &bidelua_channel_mark: tells it from other userdata */
    bidelua_conduit *conduit;
    bool home; /* of the state that made it */
} bidelua_channel;

extern const char bidelua_channel_mark;

/* A conduit without its core yet, which the caller puts in; NULL: no memory.
 * `name` may be NULL; both are copied. */
bidelua_conduit *bidelua_conduit_new(const char *name, const char *file);

/* References; any thread. The last unref frees what is still inside. */
bidelua_conduit *bidelua_conduit_ref(bidelua_conduit *c);
void bidelua_conduit_unref(bidelua_conduit *c);

/* Makes `c` fit for other lua_States; raises if what is inside cannot move.
 * `index`: its handle. */
void bidelua_conduit_share(lua_State *L, int index);

/* The slow halves of the two below. */
bide_value bidelua_conduit_load(lua_State *L, int handle, int index,
                                const char *what);
void bidelua_conduit_unload(lua_State *L, int handle, bide_value v);

/* Lets go of a value that was not sent after all; it does not raise. */
void bidelua_conduit_drop(lua_State *L, int handle, bide_value v);

extern const bidelua_carrier bidelua_channel_carrier;

enum {
    BIDELUA_VALUE_FALSE = 1,
    BIDELUA_VALUE_TRUE,
    BIDELUA_VALUE_INTEGER,
    BIDELUA_VALUE_FLOAT,
    BIDELUA_VALUE_POINTER,
    BIDELUA_VALUE_CARGO, /* by reference */
    BIDELUA_VALUE_PACKED
};

/* The value at `index`, which must not be nil, made ready for the channel whose
 * handle is at `handle`. */
static inline bide_value
bidelua_conduit_put(lua_State *L, int handle, int index, const char *what)
{
    bide_value v;
    if (lua_isinteger(L, index)) {
        v.as.integer = lua_tointeger(L, index);
        v.tag = BIDELUA_VALUE_INTEGER;
        return v;
    }
    return bidelua_conduit_load(L, handle, index, what);
}

/* Pushes a value that came out. */
static inline void
bidelua_conduit_get(lua_State *L, int handle, bide_value v)
{
    if (v.tag == BIDELUA_VALUE_INTEGER)
        lua_pushinteger(L, v.as.integer);
    else
        bidelua_conduit_unload(L, handle, v);
}

#endif
