/* support.h - tasks, worlds and traces for the tests in C.
 *
 * An actor is a task whose body is a C function written straight through: AWAIT
 * leaves it when an operation parks and comes back to the same line when the
 * task is resumed (a switch over line numbers, so locals do not survive: use
 * the actor's own fields). A world is a loop, its actors and the trace they
 * write.
 *
 * CHECK records a failure and goes on, from any thread and inside a running
 * loop, where cmocka's asserts must not jump out; world_end makes it fail the
 * test.
 */
#ifndef BIDE_TEST_SUPPORT_H
#define BIDE_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bide.h>

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define HERE ((bide_site){__FILE__, __LINE__})
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CHECK(condition) check_that((condition), #condition, __FILE__, __LINE__)
#define CHECK_INT(got, wanted)                                                 \
    check_int((int64_t)(got), (int64_t)(wanted), #got, __FILE__, __LINE__)

typedef struct actor actor;
typedef struct world world;
typedef void (*actor_body)(actor *a);

struct actor {
    bide_task task;
    bide_wait w, w2;
    bide_scope scope, inner;
    actor_body body;
    int line;  /* where the body goes on */
    int rc;    /* of the last AWAIT */
    int parks; /* so far */
    int i, n;
    int64_t at;
    const char *name;
    void *arg;
    void *extra;
    world *world;
    actor *next;
    bool over;
};

struct world {
    bide_loop *loop;
    actor *actors; /* newest first */
    char trace[8192];
    size_t traced;
    /* For the sweep: the actor to cancel, and at which of its parks. */
    actor *victim, *canceller;
    int cancel_at;
    bool delayed;
    void *state;
};

/** The body of an actor lies between BEGIN and END. */
#define BEGIN(a)                                                               \
    switch ((a)->line) {                                                       \
    case 0:
#define END(a)                                                                 \
    }                                                                          \
    (a)->over = true

/** Awaits the operation `call`, submitted with `w`; leaves its status in
 * `a->rc`. */
#define AWAIT_ON(a, wait, call)                                                \
    do {                                                                       \
        (a)->rc = (call);                                                      \
        if ((a)->rc == BIDE_PARKED) {                                          \
            (a)->line = __LINE__;                                              \
            return;                                                            \
        case __LINE__:                                                         \
            (a)->rc = bide_wait_take(wait);                                    \
        }                                                                      \
    } while (0)
#define AWAIT(a, call) AWAIT_ON(a, &(a)->w, call)

/** Awaits and checks the status. */
#define AWAIT_OK(a, call)                                                      \
    do {                                                                       \
        AWAIT(a, call);                                                        \
        CHECK_INT((a)->rc, 0);                                                 \
    } while (0)

/** Yields until `condition` holds. */
#define AWAIT_UNTIL(a, condition)                                              \
    do {                                                                       \
        while (!(condition))                                                   \
            AWAIT_OK(a, bide_yield(&(a)->w));                                  \
    } while (0)

void check_that(bool condition, const char *text, const char *file, int line);
void check_int(int64_t got, int64_t wanted, const char *text, const char *file,
               int line);

/** Fails the test if a CHECK has failed since the last call. */
void check_end(void);

/** How many descriptors the process has open. */
int open_descriptors(void);

/** A world on the virtual clock; `seed` not 0: with a drawn ready order. */
void world_begin(world *wd, uint64_t seed);

/** A world with the options given. */
void world_begin_with(world *wd, const bide_loop_options *o);

/** A world on the real clock. */
void world_begin_real(world *wd);

/** Runs until no task is left, which must work. */
void world_run(world *wd);

/** Closes the loop, checks that nothing is left of it, frees the actors. The
 * objects made in the world have to be gone before. */
void world_end(world *wd);

/** Checks the trace: what the actors wrote, one blank in between. */
void world_traced(world *wd, const char *wanted);

/** Runs, checks the trace, ends. */
void world_expect(world *wd, const char *trace);

/** A new actor below `group` and `token`, both may be NULL. */
actor *actor_spawn_in(world *wd, const char *name, actor_body body, void *arg,
                      bide_scope *group, bide_token *token);
actor *actor_spawn(world *wd, const char *name, actor_body body, void *arg);

/** The same of the background. */
actor *actor_spawn_background(world *wd, const char *name, actor_body body,
                              void *arg, bide_scope *group);

/** A task that cancels the task of `victim` when it runs. */
actor *cancel_later(world *wd, actor *victim);

/** Appends "name:text " to the trace. */
__attribute__((format(printf, 2, 3))) void trace(actor *a, const char *format,
                                                 ...);

bide_value number(int64_t n);

static inline int64_t
now(const actor *a)
{
    return bide_loop_now(a->world->loop, false);
}

/** Tasks of the loop that are ready, and not done. */
size_t ready_tasks(const world *wd);
size_t live_tasks(const world *wd);

/* -- memory --------------------------------------------------------------- */

/** Bytes the library holds. */
size_t memory_held(void);

/** Lets the `k`-th allocation from now on fail, and all that follow if
 * `onwards`; 0: none. */
void memory_fail_at(size_t k, bool onwards);

/** Whether an allocation has been refused since. */
bool memory_failed(void);

/* -- random --------------------------------------------------------------- */

/** splitmix64, as in tests/BEHAVIOURS.md. */
uint64_t random_next(uint64_t *state);
int random_below(uint64_t *state, int n);

/** BIDE_SEED of the environment, or 0. */
uint64_t random_seed(void);

/** `normally`, or ten times as much when BIDE_FAULT=full asks for it. */
uint64_t thoroughness(uint64_t normally);

/* -- threads -------------------------------------------------------------- */

typedef struct thread thread;
thread *thread_start(void (*fn)(void *arg), void *arg);
void thread_join(thread *t);

/** A gate that threads wait for. */
typedef struct gate gate;
gate *gate_new(void);
void gate_open(gate *g);
void gate_pass(gate *g);
void gate_free(gate *g);

/** Starts the counting allocator, runs the tests, and ends it. */
int run_group(const char *group, const struct CMUnitTest *tests, size_t count);

#define TEST_MAIN(group, ...)                                                  \
    int main(void)                                                             \
    {                                                                          \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                       \
        return run_group(group, tests, COUNT(tests));                          \
    }
#define T(name) cmocka_unit_test(test_##name)

#endif
