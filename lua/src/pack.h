/* pack.h - Lua values on their way from one lua_State to another.
 *
 * A message is a copy: plain bytes and references to the few objects that any
 * thread may hold. It belongs to one owner at a time, and no lua_State is
 * needed to hold or to free it.
 *
 * What travels: nil, booleans, integers, floats, strings, light userdata,
 * tables without a metatable, Lua functions with their upvalues, and the
 * handles that registered a `bidelua_carrier`. References shared inside one
 * message, cycles and upvalues shared by functions included, stay shared.
 * `_ENV` and the table of globals become the reader's globals; an upvalue that
 * is a module, or a C function of one, is required again by the reader.
 * Anything else is an error that names the way to it.                        */
#ifndef BIDELUA_PACK_H
#define BIDELUA_PACK_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

#define BIDELUA_PACK_DEPTH 190
#define BIDELUA_PACK_BYTES ((size_t)1 << 30)

/* How a kind of userdata crosses threads; carriers.c lists them. The functions
 * that raise or push run inside a C function of the module. */
typedef struct bidelua_carrier {
    /* A new reference to what the userdata at `index` stands for; may raise. */
    void *(*take)(lua_State *L, int index);
    /* Pushes a handle, with a reference of its own. */
    void (*push)(lua_State *L, void *object);
    /* Ends a reference; any thread. */
    void (*drop)(void *object);
} bidelua_carrier;

/* The carrier of the userdata at `index`, or NULL. */
const bidelua_carrier *bidelua_carrier_of(lua_State *L, int index);

/* One object carried by a message, which owns the reference. */
typedef struct bidelua_carried {
    const bidelua_carrier *carrier;
    void *object;
} bidelua_carried;

typedef struct bidelua_packed {
    bidelua_carried *carried;
    uint32_t carried_count;
    uint32_t values;  /* how many values it is */
    uint32_t objects; /* tables, functions and handles inside */
    size_t len, cap;
    unsigned char data[];
} bidelua_packed;

/* What the packed values are, for the errors. */
typedef enum bidelua_pack_role {
    BIDELUA_PACK_CALL,   /* package.path, package.cpath, a function (or its
                            name), its arguments */
    BIDELUA_PACK_RESULT, /* results of a function */
    BIDELUA_PACK_ERROR,  /* the error it raised */
    BIDELUA_PACK_VALUE   /* one value */
} bidelua_pack_role;

/* These three run inside a C function of the module (bidelua_self).
 *
 * Packs the `n` values from absolute stack index `first` on. `what` begins the
 * error raised when one of them cannot travel. The stack is left as it was. */
bidelua_packed *bidelua_pack(lua_State *L, int first, int n,
                             bidelua_pack_role role, const char *what);

/* Pushes the values and returns how many. `env` is the stack index of the
 * globals for the functions inside; 0: the state's own. Raises on lack of
 * memory; the message stays with the caller. */
int bidelua_unpack(lua_State *L, const bidelua_packed *p, int env);

/* As bidelua_unpack, for the state's own globals, and frees the message
 * whatever happens. */
int bidelua_unpack_take(lua_State *L, bidelua_packed *p);

/* A message that is one string; NULL: no memory. Any thread. */
bidelua_packed *bidelua_packed_text(const char *s);

/* Frees a message nobody reads; NULL is fine. Any thread. */
void bidelua_packed_free(bidelua_packed *p);

/* -- between pack.c, pack_path.c and unpack.c ------------------------------ */

enum {
    BIDELUA_TAG_NIL = 'n',
    BIDELUA_TAG_FALSE = '0',
    BIDELUA_TAG_TRUE = '1',
    BIDELUA_TAG_INTEGER = 'i',
    BIDELUA_TAG_FLOAT = 'd',
    BIDELUA_TAG_STRING = 's',
    BIDELUA_TAG_POINTER = 'p',
    BIDELUA_TAG_TABLE = 't',
    BIDELUA_TAG_FUNCTION = 'f',
    BIDELUA_TAG_CARRIED = 'c',
    BIDELUA_TAG_AGAIN = 'r',   /* an object seen before, by its number */
    BIDELUA_TAG_CELL = 'u',    /* an upvalue seen before: function, index */
    BIDELUA_TAG_GLOBALS = 'g', /* the reader's globals */
    BIDELUA_TAG_MODULE = 'm',  /* by name */
    BIDELUA_TAG_MEMBER = 'e'   /* a field of a module, by both names */
};

/* How the value at hand was reached, innermost first. It lives on the C stack
 * of the packing functions and is only read when something cannot travel. */
typedef struct bidelua_step {
    const struct bidelua_step *up;
    enum {
        BIDELUA_STEP_ROOT,    /* `index` counts the values, from 0 */
        BIDELUA_STEP_FIELD,   /* `index`: where the key lies on the stack */
        BIDELUA_STEP_KEY,     /* the key itself */
        BIDELUA_STEP_UPVALUE, /* `index`: the function; `name` */
    } kind;
    int index;
    const char *name;
} bidelua_step;

/* Raises "<what>: <path> <problem>". */
int bidelua_path_error(lua_State *L, const bidelua_step *at,
                       bidelua_pack_role role, const char *what,
                       const char *problem);

#endif
