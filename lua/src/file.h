/* file.h - what the files about files share. */
#ifndef BIDELUA_FILE_H
#define BIDELUA_FILE_H

#include "bidelua.h"

/* The userdata of a file; `core` is NULL until it is open. User value 1: its
 * path. */
typedef struct bidelua_file {
    bide_file *core;
} bidelua_file;

/* What an operation on the path at stack index `path` (0: none) answers that
 * ended with `status`: nil, "open 'a': ...", code; or it raises. `t->what` is
 * the operation. */
int bidelua_fs_failed(lua_State *L, bidelua_task *t, int status, int path);

/* The same, with a text of one's own for the status. */
int bidelua_fs_failed_as(lua_State *L, bidelua_task *t, int status, int path,
                         const char *why);

/* The same for a file at index 1. */
int bidelua_file_failed(lua_State *L, bidelua_task *t, int status);

/* Pushes a function that gives a value of a block of memory for use by
 * bidelua_fs_give: before the wait, as it needs memory itself. */
void bidelua_fs_prepare(lua_State *L, lua_CFunction push);

/* Calls the function on top for the block, which is freed. `size`: its second
 * argument. One result. */
int bidelua_fs_give(lua_State *L, void *block, size_t size);

/* Pushes {name =, type =}. */
void bidelua_fs_pushentry(lua_State *L, const bide_entry *e);

/* (block) -> a table of what is known about a file. */
int bidelua_fs_pushstat(lua_State *L);

/* (block, size) -> a string. */
int bidelua_fs_pushstring(lua_State *L);

/* Reading: file_read.c. */
int bidelua_file_read(lua_State *L);
int bidelua_file_readsome(lua_State *L);
int bidelua_file_lines(lua_State *L);

#endif
