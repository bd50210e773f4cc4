/* scope.h - a scope of the user's: a region of one task that is cancelled as
 * one, has a deadline or a shield, and owns the tasks spawned in it.
 *
 * Invariants
 * - An open scope is in its task's `scopes`, innermost first, as in the core.
 * - It is anchored while it is open or has live children.
 * - While its task waits for the children it stands in `shield`, so that the
 *   wait goes on when the scope is cancelled. */
#ifndef BIDELUA_SCOPE_H
#define BIDELUA_SCOPE_H

#include "bidelua.h"

typedef struct bidelua_scope {
    bide_scope core;
    bide_scope shield;
    bidelua_state *S;
    bidelua_task *task;          /* whose region it is; NULL once left */
    struct bidelua_scope *outer; /* in task->scopes */
    bidelua_task *decider;       /* the child that ended it: the first to fail,
                                    or to win a race; anchored by its slot */
    int decider_slot;
    int slot;
    size_t live;       /* children */
    size_t background; /* of them, not waited for */
    bool race;         /* the first child to end decides */
    bool joining;
    bool waited;   /* it had to wait for children */
    bool errored;  /* the function called inside it failed */
    bool reasoned; /* has an entry in BIDELUA_REASONS */
} bidelua_scope;

/** What a scope is opened with. */
typedef struct bidelua_scope_options {
    int64_t timeout; /* ns; BIDE_FOREVER: none */
    int64_t grace;   /* of a shield */
    bool shield;
    int token; /* stack index, or 0 */
} bidelua_scope_options;

/** Opens a scope in the current task `t` and pushes it. */
bidelua_scope *bidelua_scope_open(lua_State *L, bidelua_task *t,
                                  const bidelua_scope_options *o);

/** Spawns a child from stack index `first` on, as bidelua_task_spawnargs. */
bidelua_task *bidelua_scope_spawn(lua_State *L, bidelua_scope *g, int first,
                                  const char *what);

/** The code inside failed: cancels the children, unless they are already. */
void bidelua_scope_fail(bidelua_scope *g);

/** Waits for the children, then goes on with `finish`, which has to leave the
 * scope. To be returned. */
int bidelua_scope_join(lua_State *L, bidelua_task *t, bidelua_scope *g,
                       bidelua_finish finish);

/** The children have ended. Whether the scope was cancelled, and there had been
 * a wait for them that would otherwise have shown it. */
bool bidelua_scope_joined(bidelua_scope *g);

/** Leaves the scope, as bide_scope_leave: what it answers tells whether the
 * scope itself was cancelled and nothing outside it. */
int bidelua_scope_leave(lua_State *L, bidelua_scope *g);

/** Pushes the child that decided a scope that was left; lets go of it. */
void bidelua_scope_pushdecider(lua_State *L, bidelua_scope *g);

/** `t` ends with its open scopes: cancels what is in them. Never raises. */
void bidelua_scope_abandon(bidelua_task *t);

/** Pushes the error that says so. */
void bidelua_scope_pushleftopen(lua_State *L, bidelua_task *t);

/** Reads timeout=, shield= and token= of the options table at `arg`; may push
 * the token. */
void bidelua_scope_readoptions(lua_State *L, bidelua_state *S, int arg,
                               bidelua_scope_options *o);

/** The core's token at `index`. */
bide_token *bidelua_token_core(lua_State *L, int index);

/** Pushes a handle of a token of the core, with a reference of its own. */
void bidelua_token_push(lua_State *L, void *core);

/** bide.timeout(seconds, fn, ...), with the state as its upvalue. */
int bidelua_timeout(lua_State *L);

#endif
