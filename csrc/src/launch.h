/* Starting a program: from this process's side one call, in the child the steps
 * from the fork to the exec. */
#ifndef BIDE_LAUNCH_H
#define BIDE_LAUNCH_H

#include <sys/types.h>

#include "bide.h"

typedef struct bide__launch {
    char *const *argv;
    char *const *env;
    const char *const *files; /* tried in turn, then NULL */
    const bide_process_options *options;
    const bide_fd_map *map; /* all that the child has, each child_fd once */
    size_t count;
    int terminal; /* the child's descriptor of its terminal, or -1 */
    /* Results. */
    pid_t pid;
    int pidfd;  /* -1: the system has none */
    int failed; /* BIDE_SPAWN_* */
} bide__launch;

/** Returns when the program has begun: 0, or a system error. */
int bide__launch_run(bide__launch *x);

#endif
