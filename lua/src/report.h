/* report.h - what the core reports of a run: slow locks and stalls. */
#ifndef BIDELUA_REPORT_H
#define BIDELUA_REPORT_H

#include "bidelua.h"

/** bide_host.what and .report. */
void bidelua_what(void *ctx, bide_task *t, char *out, size_t size);
void bidelua_reported(void *ctx, const bide_report *r);

/** Sets a field of the table on top, unless `text` is empty. */
void bidelua_settext(lua_State *L, const char *key, const char *text);

/** Calls the run's handler `name`, if there is one, with what `push` pushes of
 * `report`. What it raises goes where callbacks' errors go. */
void bidelua_tell(bidelua_state *S, const char *name,
                  void (*push)(lua_State *L, const void *report),
                  const void *report);

/** Keeps option `key` of the table at `arg` (none: nil), a function or nil, as
 * the run's handler `name`. */
void bidelua_readhandler(lua_State *L, bidelua_state *S, int arg,
                         const char *key, const char *name);

/** Option `key` of the table at `arg` in ns: seconds, or false for never; true
 * stands for `usual` ns, if that is not 0. 0 where it is nil. */
int64_t bidelua_limitfield(lua_State *L, int arg, const char *key,
                           int64_t usual);

/** The options of bide.run at `arg` that are about reports. */
void bidelua_reports_read(lua_State *L, bidelua_state *S, int arg,
                          bide_loop_options *o);

/** Pushes why no task of a run goes on, as its error. */
void bidelua_pushstalled(lua_State *L, bide_loop *loop);

#endif
