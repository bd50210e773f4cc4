/* drain.h - how srv:serve() ends: at a signal, and after how long. */
#ifndef BIDELUA_DRAIN_H
#define BIDELUA_DRAIN_H

#include "scope.h"
#include "stream.h"

/** Pushes the end of a serve with the options signals= and drain= of the table
 * at `options` (or nil), to be closed with it. */
void bidelua_drain_new(lua_State *L, bidelua_state *S, int options);

/** Starts to watch for the signals, if any: closes the listener at stack index
 * `listener` at the first, cancels `g`, at index `scope`, at the second. */
void bidelua_drain_watch(lua_State *L, bidelua_task *t, int drain, int listener,
                         int scope);

/** The listener is closed: gives the tasks in the scope their time. */
void bidelua_drain_begin(lua_State *L, bidelua_task *t, int drain);

/** The tasks of a serve have ended: leaves its scope, answers true, or raises
 * what ended it. */
int bidelua_drain_joined(lua_State *L, bidelua_task *t, bidelua_scope *g);

#endif
