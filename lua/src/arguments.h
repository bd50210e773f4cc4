/* arguments.h - what functions are given. All of these raise unless it is what
 * it must be. */
#ifndef BIDELUA_ARGUMENTS_H
#define BIDELUA_ARGUMENTS_H

#include <bide.h>
#include <lauxlib.h>
#include <lua.h>

/* -- arguments ------------------------------------------------------------ */

/** Seconds (a number >= 0; math.huge: for ever) as ns. */
int64_t bidelua_checkseconds(lua_State *L, int arg);

/** A string at `arg` without zeros, as the system's names are. */
const char *bidelua_checktext(lua_State *L, int arg);

/** The argument `name`: a whole number that is `least` or more. */
size_t bidelua_checksize(lua_State *L, int arg, const char *name,
                         lua_Integer least);
size_t bidelua_optsize(lua_State *L, int arg, const char *name,
                       lua_Integer least, size_t otherwise);

/** A port; `least` 0: 0 is one, too. */
int bidelua_checkport(lua_State *L, int arg, int least);

/* -- options -------------------------------------------------------------- */

/** The name given at `arg`, as a string or as the field of an options table,
 * or NULL. Pushes it or nil: to be kept as a user value of the object. */
const char *bidelua_optname(lua_State *L, int arg);

/** Raises unless every key of the table at `arg` is in `known`, which ends
 * with NULL. */
void bidelua_checkoptions(lua_State *L, int arg, const char *const *known);

/** Pushes an option of the table at `arg`, nil if there is neither. */
bool bidelua_hasoption(lua_State *L, int arg, const char *name);

/** The same as a boolean, or as a whole number from 0 to `most`. */
bool bidelua_optionflag(lua_State *L, int arg, const char *name,
                        bool otherwise);
lua_Integer bidelua_optioninteger(lua_State *L, int arg, const char *name,
                                  lua_Integer most, lua_Integer otherwise);

/** The options local_host, a numeric address, which stays in the table, and
 * local_port, 0 unless given. */
void bidelua_optionlocal(lua_State *L, int arg, const char **host, int *port);

#endif
