/* usage.h - the CPU time that another process has used. */
#ifndef LOAD_USAGE_H
#define LOAD_USAGE_H

/** In seconds. `all` is exact; the other two are what the system has sampled,
 * a tick at a time. */
typedef struct usage {
    double all, user, sys;
} usage;

/** What process `pid` has used so far, all threads; zeros for 0. Ends the
 * program if there is no such process. */
usage usage_of(int pid);

#endif
