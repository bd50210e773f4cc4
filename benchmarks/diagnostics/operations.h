/* operations.h - what bench_diagnostics finds in each module that it loads. */
#ifndef BENCH_OPERATIONS_H
#define BENCH_OPERATIONS_H

#include <bide.h>

enum {
    OPERATION_SWITCH,
    OPERATION_LOCK,
    OPERATION_CONTENDED,
    OPERATION_CHANNEL,
    OPERATION_COUNT
};

/** Does operation `which` n times on a loop made by `how`; the time, ns. */
int64_t operations_run(int which, const bide_loop_options *how, uint64_t n);

#endif
