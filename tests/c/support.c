/* support.c - see support.h. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

/* -- checks --------------------------------------------------------------- */

static atomic_int failures;

void
check_that(bool condition, const char *text, const char *file, int line)
{
    if (condition)
        return;
    atomic_fetch_add(&failures, 1);
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, text);
}

void
check_int(int64_t got, int64_t wanted, const char *text, const char *file,
          int line)
{
    if (got == wanted)
        return;
    atomic_fetch_add(&failures, 1);
    fprintf(stderr, "%s:%d: %s is %lld%s%s, not %lld\n", file, line, text,
            (long long)got, got < 0 ? " " : "",
            got < 0 ? bide_error_name((int)got) : "", (long long)wanted);
}

void
check_end(void)
{
    if (atomic_exchange(&failures, 0))
        fail_msg("checks failed, see above");
}

int
open_descriptors(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* -- memory --------------------------------------------------------------- */

/* Each block is preceded by its size. */
typedef union header {
    size_t size;
    max_align_t align;
} header;

static atomic_size_t held;
static atomic_size_t countdown; /* 0: no failure ahead */
static atomic_bool refused;
static bool keep_refusing;

static bool
refuse(void)
{
    size_t left = atomic_load(&countdown);
    while (left > 1) {
        if (atomic_compare_exchange_weak(&countdown, &left, left - 1))
            return false;
    }
    if (left == 0)
        return false;
    if (!keep_refusing)
        atomic_store(&countdown, 0);
    atomic_store(&refused, true);
    return true;
}

static void *
counting_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    header *old = ptr ? (header *)ptr - 1 : NULL;
    size_t before = old ? old->size : 0;
    if (refuse())
        return NULL;
    header *new = realloc(old, sizeof(header) + size);
    if (!new)
        return NULL;
    new->size = size;
    atomic_fetch_add(&held, size - before);
    return new + 1;
}

static void
counting_free(void *ctx, void *ptr)
{
    (void)ctx;
    if (!ptr)
        return;
    header *block = (header *)ptr - 1;
    atomic_fetch_sub(&held, block->size);
    free(block);
}

size_t
memory_held(void)
{
    return atomic_load(&held);
}

void
memory_fail_at(size_t k, bool onwards)
{
    keep_refusing = onwards;
    atomic_store(&refused, false);
    atomic_store(&countdown, k);
}

bool
memory_failed(void)
{
    return atomic_load(&refused);
}

/* -- worlds --------------------------------------------------------------- */

void
world_begin_with(world *wd, const bide_loop_options *o)
{
    memset(wd, 0, sizeof *wd);
    assert_int_equal(bide_loop_new(o, &wd->loop), 0);
}

void
world_begin(world *wd, uint64_t seed)
{
    world_begin_with(wd, &(bide_loop_options){.virtual_clock = true,
                                              .seed = seed,
                                              .pool_threads = 4});
}

void
world_begin_real(world *wd)
{
    world_begin_with(wd, &(bide_loop_options){.pool_threads = 4});
}

void
world_run(world *wd)
{
    CHECK_INT(bide_loop_run(wd->loop, NULL), 0);
}

static void
stuck_job(void *arg, const bide_job *job)
{
    (void)arg;
    fprintf(stderr, "stuck: %s\n", job->name ? job->name : "a job");
}

void
world_end(world *wd)
{
    bide_loop_counts counts;

    bide_loop_count(wd->loop, &counts);
    CHECK_INT(counts.tasks, 0);
    CHECK_INT(counts.ready, 0);
    CHECK_INT(counts.timers, 0);
    CHECK_INT(counts.io_waits, 0);
    CHECK_INT(bide_loop_close(wd->loop, 10 * SECOND, stuck_job, NULL), 0);
    bide_loop_count(wd->loop, &counts);
    CHECK_INT(counts.handles, 0);
    CHECK_INT(counts.threads, 0);
    bide_loop_unref(wd->loop);
    while (wd->actors) {
        actor *a = wd->actors;
        wd->actors = a->next;
        CHECK_INT(a->task.state, BIDE_TASK_DONE);
        free(a);
    }
    CHECK_INT(memory_held(), 0);
    check_end();
}

void
world_traced(world *wd, const char *wanted)
{
    if (wd->traced)
        wd->trace[--wd->traced] = 0; /* the last blank */
    CHECK(strcmp(wd->trace, wanted) == 0);
    if (strcmp(wd->trace, wanted) != 0)
        fprintf(stderr, "  trace  %s\n  wanted %s\n", wd->trace, wanted);
}

void
world_expect(world *wd, const char *wanted)
{
    world_run(wd);
    world_traced(wd, wanted);
    world_end(wd);
}

size_t
ready_tasks(const world *wd)
{
    bide_loop_counts counts;
    bide_loop_count(wd->loop, &counts);
    return counts.ready;
}

size_t
live_tasks(const world *wd)
{
    bide_loop_counts counts;
    bide_loop_count(wd->loop, &counts);
    return counts.tasks;
}

/* -- actors --------------------------------------------------------------- */

/* The sweep's cancel: at once, or by a task that runs after those now ready. */
static void
cancel_victim(world *wd)
{
    if (wd->delayed)
        bide_unpark(&wd->canceller->w, 0);
    else
        bide_task_cancel(&wd->victim->task, number(9));
}

static void
actor_resume(bide_task *task)
{
    actor *a = task->host;

    a->body(a);
    if (a->over) {
        bide_task_finish(&a->task);
        return;
    }
    a->parks++;
    if (a == a->world->victim && a->parks == a->world->cancel_at)
        cancel_victim(a->world);
}

static actor *
actor_new(world *wd, const char *name, actor_body body, void *arg)
{
    actor *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    bide_task_init(&a->task, actor_resume);
    a->task.name = name;
    a->task.host = a;
    bide_wait_init(&a->w, &a->task);
    bide_wait_init(&a->w2, &a->task);
    a->body = body;
    a->name = name;
    a->arg = arg;
    a->world = wd;
    a->next = wd->actors;
    wd->actors = a;
    return a;
}

actor *
actor_spawn_in(world *wd, const char *name, actor_body body, void *arg,
               bide_scope *group, bide_token *token)
{
    actor *a = actor_new(wd, name, body, arg);
    CHECK_INT(bide_task_start(&a->task, wd->loop, group, token), 0);
    return a;
}

actor *
actor_spawn_background(world *wd, const char *name, actor_body body, void *arg,
                       bide_scope *group)
{
    actor *a = actor_new(wd, name, body, arg);
    CHECK_INT(bide_task_set_background(&a->task, true), 0);
    CHECK_INT(bide_task_start(&a->task, wd->loop, group, NULL), 0);
    return a;
}

actor *
actor_spawn(world *wd, const char *name, actor_body body, void *arg)
{
    return actor_spawn_in(wd, name, body, arg, NULL, NULL);
}

static void
cancels(actor *a)
{
    bide_task_cancel(&((actor *)a->arg)->task, number(0));
    a->over = true;
}

actor *
cancel_later(world *wd, actor *victim)
{
    return actor_spawn(wd, "x", cancels, victim);
}

void
trace(actor *a, const char *format, ...)
{
    world *wd = a->world;
    size_t room = sizeof wd->trace - wd->traced;
    int n = snprintf(wd->trace + wd->traced, room, "%s:", a->name);
    wd->traced += (size_t)n < room ? (size_t)n : room - 1;

    va_list args;
    va_start(args, format);
    room = sizeof wd->trace - wd->traced;
    n = vsnprintf(wd->trace + wd->traced, room, format, args);
    va_end(args);
    wd->traced += (size_t)n < room ? (size_t)n : room - 1;
    if (wd->traced + 1 < sizeof wd->trace) {
        wd->trace[wd->traced++] = ' ';
        wd->trace[wd->traced] = 0;
    }
}

bide_value
number(int64_t n)
{
    return (bide_value){.as = {.integer = n}, .tag = 1};
}

/* -- random --------------------------------------------------------------- */

uint64_t
random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

int
random_below(uint64_t *state, int n)
{
    return (int)(random_next(state) % (uint64_t)n);
}

uint64_t
random_seed(void)
{
    const char *text = getenv("BIDE_SEED");
    return text ? strtoull(text, NULL, 0) : 0;
}

uint64_t
thoroughness(uint64_t normally)
{
    const char *text = getenv("BIDE_FAULT");
    return text && strcmp(text, "full") == 0 ? 10 * normally : normally;
}

/* -- threads -------------------------------------------------------------- */

struct thread {
    pthread_t id;
    void (*fn)(void *arg);
    void *arg;
};

static void *
thread_main(void *arg)
{
    thread *t = arg;
    t->fn(t->arg);
    return NULL;
}

thread *
thread_start(void (*fn)(void *arg), void *arg)
{
    thread *t = malloc(sizeof *t);
    if (!t)
        abort();
    t->fn = fn;
    t->arg = arg;
    if (pthread_create(&t->id, NULL, thread_main, t) != 0)
        abort();
    return t;
}

void
thread_join(thread *t)
{
    pthread_join(t->id, NULL);
    free(t);
}

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t opened;
    bool open;
};

gate *
gate_new(void)
{
    gate *g = malloc(sizeof *g);
    if (!g)
        abort();
    pthread_mutex_init(&g->mutex, NULL);
    pthread_cond_init(&g->opened, NULL);
    g->open = false;
    return g;
}

void
gate_open(gate *g)
{
    pthread_mutex_lock(&g->mutex);
    g->open = true;
    pthread_cond_broadcast(&g->opened);
    pthread_mutex_unlock(&g->mutex);
}

void
gate_pass(gate *g)
{
    pthread_mutex_lock(&g->mutex);
    while (!g->open)
        pthread_cond_wait(&g->opened, &g->mutex);
    pthread_mutex_unlock(&g->mutex);
}

void
gate_free(gate *g)
{
    pthread_cond_destroy(&g->opened);
    pthread_mutex_destroy(&g->mutex);
    free(g);
}

int
run_group(const char *group, const struct CMUnitTest *tests, size_t count)
{
    bide_set_allocator(
        &(bide_allocator){counting_realloc, counting_free, NULL});
    int failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
    if (memory_held()) {
        fprintf(stderr, "%s: %zu bytes leaked\n", group, memory_held());
        failed++;
    }
    return failed != 0;
}
