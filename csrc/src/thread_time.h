/* What becomes of a thread's time: it runs, it sleeps in the system, or it is
 * ready while no processor is free.
 *
 * The system counts the last only once the thread has got a processor, and does
 * not count sleep. So of a thread that is ready just now it is not known how
 * much of what it did not run it has slept; that it did is believed where it
 * was seen asleep, as then nothing is uncounted. */
#ifndef BIDE_THREAD_TIME_H
#define BIDE_THREAD_TIME_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/** ns since the thread began; 0 and false where the system does not tell. */
typedef struct bide__thread_time {
    int64_t ran, waited; /* for a processor */
    bool ready;          /* now: it runs, or waits for one */
} bide__thread_time;

/** How long a thread has been at something. */
typedef struct bide__spell {
    bool begun;
    bide__thread_time from;
    int64_t passed, slept; /* slept: as far as is known */
} bide__spell;

/** The number by which the system knows this thread; 0: it has none. */
long bide__thread_number(void);

/** Reads what a spell begins with: `ready` is left out. */
void bide__thread_time_begin(pthread_t thread, long number,
                             bide__thread_time *out);

void bide__thread_time_read(pthread_t thread, long number,
                            bide__thread_time *out);

void bide__spell_begin(bide__spell *s, const bide__thread_time *now);

/** After `passed` more, which was read before `now`: how long it has run or
 * slept since it began. Never less than before. */
int64_t bide__spell_add(bide__spell *s, int64_t passed,
                        const bide__thread_time *now);

#endif
