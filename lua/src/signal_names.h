/* signal_names.h - signals by name, for signal.c and serve's options. */
#ifndef BIDELUA_SIGNAL_NAMES_H
#define BIDELUA_SIGNAL_NAMES_H

#include "bidelua.h"

/** Listens for the signals at stack indices `first` to the top: names with or
 * without "SIG", or numbers. `what` is for messages. Raises on error. */
bide_signal *bidelua_signal_listen(lua_State *L, bidelua_task *t, int first,
                                   const char *what);

/** The signal at `index`, by name or number; 0: a number that is none. Raises
 * on error. */
int bidelua_signal_number(lua_State *L, int index, const char *what);

#endif
