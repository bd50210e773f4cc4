/* soak.h - what the parts of the soak share. */
#ifndef BIDE_TEST_SOAK_H
#define BIDE_TEST_SOAK_H

#include "support_net.h"

#include <stdatomic.h>

enum {
    CLIENTS = 40,
    WORKERS = 20, /* of each kind */
    MESSAGE = 3000,
    ROUND = 250, /* ms between two looks at the memory */
};

typedef struct soak {
    net n;
    uint64_t random;
    bide_mutex *mutex;
    bide_semaphore *semaphore;
    bide_rwlock *rwlock;
    bide_condition *condition;
    bide_channel *channel;
    bide_token *token; /* of this round; cancelled by a thread */
    int inside, readers;
    int64_t until, sent, received;
    atomic_llong thread_sent;
    atomic_bool over;
    uint64_t echoes, dropped, jobs, rounds, cancelled;
    size_t peak_early, peak_late;
    char message[MESSAGE];
} soak;

static inline soak *
soak_of(actor *a)
{
    return a->world->state;
}

static inline int
draw(actor *a, int n)
{
    return random_below(&soak_of(a)->random, n);
}

static inline bool
time_is_up(actor *a)
{
    return now(a) >= soak_of(a)->until;
}

static inline void
enter_timeout(actor *a, int64_t ns)
{
    bide_scope_init(&a->scope);
    CHECK_INT(bide_scope_enter(&a->scope, &a->task, NULL), 0);
    CHECK_INT(bide_scope_deadline(&a->scope, now(a) + ns), 0);
}

/** Bodies of actors. Connections: a server, and clients that come and go. */
void soak_serves(actor *a);
void soak_is_client(actor *a);

/** Users of the locks, in the order of the table. */
extern const actor_body soak_workers[6];

void soak_receives(actor *a);
void soak_sends_from_thread(void *arg);

/** Starts a job; a reference to the future it settles. `cancel_round`: from its
 * thread it cancels the round's token. */
bide_future *soak_submit(actor *a, bool cancel_round);

#endif
