/* process.h - what process.c and those that start processes share. */
#ifndef BIDELUA_PROCESS_H
#define BIDELUA_PROCESS_H

#include "stream.h"

enum { BIDELUA_STDIO = 3 };

/* The userdata of a process. User values: its streams, 1 to 3. */
typedef struct bidelua_process {
    bide_process *core; /* NULL until it is started */
    int64_t grace;      /* between SIGTERM and SIGKILL at its close */
} bidelua_process;

/* Pushes the streams of the process at `index` into its user values. */
void bidelua_process_setstreams(lua_State *L, bidelua_state *S, int index);

/* Pushes what ended a process, as os.execute does: true or nil, "exit" or
 * "signal", the number. */
int bidelua_process_pushend(lua_State *L, int64_t code);

#endif
