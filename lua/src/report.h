/* report.h - what the core reports of a run: slow locks and stalls. */
#ifndef BIDELUA_REPORT_H
#define BIDELUA_REPORT_H

#include "bidelua.h"

/** bide_host.what and .report. */
void bidelua_what(void *ctx, bide_task *t, char *out, size_t size);
void bidelua_reported(void *ctx, const bide_report *r);

/** The options of bide.run at `arg` that are about reports. */
void bidelua_reports_read(lua_State *L, bidelua_state *S, int arg,
                          bide_loop_options *o);

/** Pushes why no task of a run goes on, as its error. */
void bidelua_pushstalled(lua_State *L, bide_loop *loop);

#endif
