/* sync.h - what the primitives' files share: a userdata that holds one
 * reference of the core's object.
 *
 * User values: 1 the name, 2 another object it needs (a condition's mutex, a
 * guard's lock). */
#ifndef BIDELUA_SYNC_H
#define BIDELUA_SYNC_H

#include "bidelua.h"

typedef struct bidelua_sync {
    void *core;
} bidelua_sync;

enum { BIDELUA_SYNC_NAME = 1, BIDELUA_SYNC_OTHER };

/** What every constructor takes. */
typedef struct bidelua_sync_args {
    const char *name; /* pushed by bidelua_sync_read, kept by _new */
    bide_site site;
} bidelua_sync_args;

/** Reads the name (a string, or name= of a table, or nothing) at `arg` and
 * leaves it on the stack. */
bidelua_sync_args bidelua_sync_read(lua_State *L, int arg);

/** Pushes a new object in place of the name on top. */
bidelua_sync *bidelua_sync_new(lua_State *L, bidelua_kind kind,
                               const bidelua_sync_args *a);

/** The core's object inside the userdata at stack index 1. */
static inline void *
bidelua_sync_check(lua_State *L, bidelua_state *S, bidelua_kind kind)
{
    return ((bidelua_sync *)bidelua_check(L, S, 1, kind))->core;
}

/** Pushes what messages call the object at stack index 1: mutex "ledger". */
const char *bidelua_sync_title(lua_State *L);

/** Raise, in the method `what` of the object at stack index 1: that the running
 * task does not hold it (or "the mutex of " it), and who does, if anybody; that
 * the task `breaker` ended while it held it. */
int bidelua_sync_not_owner(lua_State *L, const char *what, const char *of,
                           const bide_task *holder);
int bidelua_sync_broken(lua_State *L, const char *what, const char *breaker);

/** Pushes the binding's task, or nil; 1. */
int bidelua_sync_pushtask(lua_State *L, bide_task *t);

/** Pushes a guard for the object at stack index 1: on close or release it gives
 * back `count`. */
typedef struct bidelua_guard {
    size_t count;
    bool write;
    bool released;
    bool held; /* the permits are the task's: see semaphore:hold */
} bidelua_guard;

int bidelua_guard_new(lua_State *L, bidelua_kind kind, size_t count,
                      bool write);

int bidelua_sync_name(lua_State *L);
int bidelua_sync_tostring(lua_State *L);

#endif
