/* spawn_process.h - the options of a child process, out of a table. */
#ifndef BIDELUA_SPAWN_PROCESS_H
#define BIDELUA_SPAWN_PROCESS_H

#include "process.h"

/* Pushes a process that is not started, with the options of the table at index
 * 1 in `o`, and two values more that hold what `o` points at. `more`: keys that
 * are allowed beside those of a spawn, or NULL. Raises on bad options. */
void bidelua_process_options(lua_State *L, bidelua_state *S,
                             bide_process_options *o, const char *const *more);

/* Answers for a process that could not be started; as bidelua_fail. */
int bidelua_process_failed(lua_State *L, bidelua_task *t, int status,
                           const bide_process_options *o);

#endif
