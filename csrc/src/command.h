/* What a program is started with, ready before the fork: the files to try and
 * the environment. */
#ifndef BIDE_COMMAND_H
#define BIDE_COMMAND_H

#include "bide.h"

typedef struct bide__command {
    char *const *env;
    const char *const *files;
    void *env_block, *files_block; /* to be freed, or NULL */
} bide__command;

/** 0 or BIDE_ENOMEMORY; then bide__command_fini follows in any case. */
int bide__command_init(bide__command *c, const bide_process_options *o);
void bide__command_fini(bide__command *c);

#endif
