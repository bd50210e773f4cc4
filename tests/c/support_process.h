/* support_process.h - worlds with children in them. */
#ifndef BIDE_TEST_SUPPORT_PROCESS_H
#define BIDE_TEST_SUPPORT_PROCESS_H

#include "support_file.h"
#include "support_net.h"

/** A world on the real clock and what its actor works with. */
typedef struct home {
    world wd;
    bide_process_options o;
    const char *argv[8];
    bide_process *p;
    char text[4096];
    char *data;
    int fds[2];
    int count;
    int before; /* descriptors open at the start */
} home;

/** Runs `body`, an actor whose arg is the home, and ends: no child and no
 * descriptor may be left. */
void home_play(actor_body body);

void home_begin(home *h);
void home_end(home *h);

/** Sets the command of `h->o`: /bin/sh -c `script`. */
bide_process_options *home_shell(home *h, const char *script);

/** Sets the command to `program` without arguments. */
bide_process_options *home_run(home *h, const char *program);

/** Drops the process. */
void home_drop(home *h);

/** The stream of the process. */
bide_stream *home_stream(home *h, int number);

/** Whether this process has children, be they alive or not. */
bool has_children(void);

/** Whether `pid` is a process. */
bool is_alive(int pid);

#endif
