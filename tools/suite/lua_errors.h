/* lua_errors.h - for clang-tidy alone: lua.h does not say that its functions
 * that raise do not return, so paths beyond them would look possible. */
#include <lua.h>
#include <lauxlib.h>

__attribute__((noreturn)) int lua_error(lua_State *L);
__attribute__((noreturn)) int luaL_error(lua_State *L, const char *format, ...);
__attribute__((noreturn)) int luaL_argerror(lua_State *L, int arg,
                                            const char *message);
__attribute__((noreturn)) int luaL_typeerror(lua_State *L, int arg,
                                             const char *name);
