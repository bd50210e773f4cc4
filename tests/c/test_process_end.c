/* test_process_end.c - child processes: waiting for them, ending them, and what
 * is left when anything fails. */
#include "support_process.h"
#include "support_sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

enum { MANY = 300, FEW = 64 };

#define OPEN(a, h)                                                             \
    AWAIT_OK(a, bide_process_open(&(h)->o, &(a)->w));                          \
    (h)->p = (a)->w.value.as.ptr

#define ENDS(a, h, code)                                                       \
    AWAIT_OK(a, bide_process_wait((h)->p, &(a)->w));                           \
    CHECK_INT((a)->w.value.as.integer, code)

/* -- waiting -------------------------------------------------------------- */

static void
waits(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    AWAIT(a, bide_process_wait(h->p, &a->w));
    if (a->rc)
        trace(a, "%s", bide_error_name(a->rc));
    else
        trace(a, "%d", (int)a->w.value.as.integer);
    END(a);
}

static void
lets_others_wait(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    home_shell(h, "read line; exit 4")->stdio[0].kind = BIDE_STDIO_PIPE;
    OPEN(a, h);
    actor_spawn(&h->wd, "x", waits, h);
    h->wd.victim = actor_spawn(&h->wd, "y", waits, h);
    actor_spawn(&h->wd, "z", waits, h);
    AWAIT_OK(a, bide_yield(&a->w));
    bide_task_cancel(&h->wd.victim->task, number(9));
    AWAIT_OK(a, bide_stream_write(home_stream(h, 0), "\n", 1, &a->w));
    ENDS(a, h, 4);
    END(a);
}

static void
test_process_several_tasks_wait(void **state)
{
    (void)state;
    home h;
    home_begin(&h);
    actor_spawn(&h.wd, "a", lets_others_wait, &h);
    world_run(&h.wd);
    world_traced(&h.wd, "y:ECANCELED x:4 z:4");
    home_end(&h);
}

static void
is_polled(actor *a)
{
    home *h = a->arg;
    int code;

    BEGIN(a);
    home_shell(h, "read line; exit 5")->stdio[0].kind = BIDE_STDIO_PIPE;
    OPEN(a, h);
    CHECK_INT(bide_process_poll(h->p, &code), BIDE_EWOULDBLOCK);
    bide_stream_close(home_stream(h, 0));
    /* No turn of the loop in between. */
    while (bide_process_poll(h->p, &code) == BIDE_EWOULDBLOCK)
        usleep(1000);
    CHECK_INT(code, 5);
    CHECK_INT(bide_process_signal(h->p, SIGTERM), -ESRCH);
    CHECK_INT(bide_process_signal_group(h->p, SIGTERM), BIDE_EINVALID);
    bide_process_close(h->p);
    AWAIT(a, bide_process_wait(h->p, &a->w));
    CHECK_INT(a->rc, BIDE_ECLOSED);
    END(a);
}

static void
test_process_signal_after_its_end_does_nothing(void **state)
{
    (void)state;
    home_play(is_polled);
}

/* -- ending --------------------------------------------------------------- */

static const char *const stubborn = "trap '' TERM; echo; exec sleep 60";

static void
is_stopped(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    home_shell(h, stubborn)->stdio[1].kind = BIDE_STDIO_PIPE;
    h->o.flags = BIDE_PROCESS_GROUP;
    OPEN(a, h);
    AWAIT_OK(a, bide_stream_read(home_stream(h, 1), 1, &a->w));
    bide_stream_consume(home_stream(h, 1), 1);
    a->at = now(a);
    bide_process_stop(h->p, 60 * MS);
    bide_process_stop(h->p, SECOND); /* does not put it off */
    ENDS(a, h, -9);
    CHECK(now(a) - a->at >= 60 * MS);
    CHECK(now(a) - a->at < SECOND);
    home_drop(h);
    home_run(h, "cat")->stdio[0].kind = BIDE_STDIO_PIPE;
    OPEN(a, h);
    bide_process_stop(h->p, 60 * SECOND);
    ENDS(a, h, -15);
    END(a);
}

static void
test_process_stop_kills_after_the_grace(void **state)
{
    (void)state;
    home_play(is_stopped);
}

/* The grandchild holds the pipe: it ends when that one is gone. */
static void
is_killed_with_its_group(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    home_shell(h, "sleep 60 & echo $!; wait")->stdio[1].kind = BIDE_STDIO_PIPE;
    h->o.flags = BIDE_PROCESS_GROUP;
    OPEN(a, h);
    AWAIT_OK(a, bide_stream_read_until(home_stream(h, 1), "\n", 1, 99, &a->w));
    bide_stream_consume(home_stream(h, 1), a->w.u.io.len);
    bide_process_stop(h->p, 0);
    ENDS(a, h, -9);
    AWAIT_OK(a, bide_stream_read(home_stream(h, 1), 1, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    END(a);
}

static void
test_process_group_ends_with_it(void **state)
{
    (void)state;
    home_play(is_killed_with_its_group);
}

static void
is_closed(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    home_run(h, "cat")->stdio[0].kind = BIDE_STDIO_PIPE;
    OPEN(a, h);
    actor_spawn(&h->wd, "w", waits, h);
    AWAIT_OK(a, bide_yield(&a->w));
    bide_process_close(h->p);
    bide_process_close(h->p);
    CHECK(bide_process_closed(h->p));
    AWAIT_UNTIL(a, !has_children());
    END(a);
}

static void
test_process_leaving_the_block_ends_it(void **state)
{
    (void)state;
    home h;
    home_begin(&h);
    actor_spawn(&h.wd, "a", is_closed, &h);
    world_run(&h.wd);
    world_traced(&h.wd, "w:ECLOSED");
    home_end(&h);
}

/* Its end is told by the pipe, whose other end we keep. */
static void
is_dropped(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    home_shell(h, "read line")->stdio[0].kind = BIDE_STDIO_PIPE;
    OPEN(a, h);
    a->extra = bide_stream_ref(home_stream(h, 0));
    h->count = bide_process_pid(h->p);
    home_drop(h);
    AWAIT_OK(a, bide_yield(&a->w));
    CHECK(is_alive(h->count));
    bide_stream_unref(a->extra);
    AWAIT_UNTIL(a, !has_children());
    END(a);
}

static void
test_process_dropped_runs_on_and_is_reaped(void **state)
{
    (void)state;
    home_play(is_dropped);
}

/* Its loop closes before it ends. */
static void
is_left(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    CHECK_INT(pipe(h->fds), 0);
    home_shell(h, "read line");
    h->o.stdio[0] = (bide_stdio){BIDE_STDIO_FD, h->fds[0], NULL};
    OPEN(a, h);
    close(h->fds[0]);
    home_drop(h);
    END(a);
}

static void
test_process_that_outlives_the_loop_is_reaped(void **state)
{
    (void)state;
    home h;
    home_begin(&h);
    actor_spawn(&h.wd, "a", is_left, &h);
    world_run(&h.wd);
    world_end(&h.wd);
    CHECK(has_children());
    close(h.fds[1]);
    while (has_children())
        usleep(1000);
    CHECK_INT(open_descriptors(), h.before);
    check_end();
}

/* -- many ----------------------------------------------------------------- */

static void
runs_many(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    home_run(h, "true")->stdio[1].kind = BIDE_STDIO_PIPE;
    for (a->i = 0; a->i < MANY; a->i++) {
        OPEN(a, h);
        AWAIT_OK(a, bide_process_wait(h->p, &a->w));
        CHECK_INT(a->w.value.as.integer, 0);
        home_drop(h);
        if (a->i == 10)
            h->count = open_descriptors();
    }
    CHECK_INT(open_descriptors(), h->count);
    CHECK(!has_children());
    END(a);
}

static void
test_process_many_in_a_row_leave_nothing(void **state)
{
    (void)state;
    home_play(runs_many);
}

static void
runs_some(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    home_shell(h, "exec ls /proc/self/fd")->stdio[1].kind = BIDE_STDIO_PIPE;
    for (a->i = 0; a->i < FEW; a->i++) {
        OPEN(a, h);
        AWAIT(a, bide_stream_read_exact(home_stream(h, 1), 99, &a->w));
        CHECK_INT(a->rc, BIDE_EEOF);
        size_t n;
        const char *data = bide_stream_data(home_stream(h, 1), &n);
        CHECK(n == 8 && memcmp(data, "0\n1\n2\n3\n", 8) == 0);
        ENDS(a, h, 0);
        home_drop(h);
    }
    END(a);
}

/* Not world_end, which looks at the memory of all. */
static void
in_a_thread(void *arg)
{
    home *h = arg;
    CHECK_INT(bide_loop_new(NULL, &h->wd.loop), 0);
    actor *a = actor_spawn(&h->wd, "a", runs_some, h);
    world_run(&h->wd);
    CHECK_INT(bide_loop_close(h->wd.loop, SECOND, NULL, NULL), 0);
    bide_loop_unref(h->wd.loop);
    free(a);
}

/* What one thread opens while the other starts a child stays out of it. */
static void
test_process_in_two_loops_at_once(void **state)
{
    (void)state;
    home h[2];
    thread *threads[2];
    memset(h, 0, sizeof h);
    for (int i = 0; i < 2; i++)
        threads[i] = thread_start(in_a_thread, &h[i]);
    for (int i = 0; i < 2; i++)
        thread_join(threads[i]);
    CHECK(!has_children());
    CHECK_INT(memory_held(), 0);
    check_end();
}

/* -- without a pidfd ------------------------------------------------------ */

static void
note_exit(bide__child *c)
{
    *(int *)c->owner = c->code;
}

static void
watches_by_thread(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 2; a->i++) {
        CHECK_INT(pipe(h->fds), 0);
        bide__child *c = bide__child_new(h->wd.loop);
        pid_t pid = fork();
        if (pid == 0) {
            char byte;
            close(h->fds[1]);
            _exit(read(h->fds[0], &byte, 1) == 1 ? 7 : 8);
        }
        CHECK_INT(bide__child_watch(c, pid, -1), 0);
        h->count = -1;
        c->owner = &h->count;
        c->exited = note_exit;
        a->extra = c;
        if (a->i == 1) { /* and its loop closes before it ends */
            bide__child_release(c);
            continue;
        }
        CHECK_INT(write(h->fds[1], "x", 1), 1);
        AWAIT_UNTIL(a, h->count != -1);
        CHECK_INT(h->count, 7);
        bide__child_release(a->extra);
        close(h->fds[0]);
        close(h->fds[1]);
    }
    END(a);
}

static void
test_process_without_a_pidfd(void **state)
{
    (void)state;
    home h;
    memset(&h, 0, sizeof h);
    CHECK_INT(bide_loop_new(NULL, &h.wd.loop), 0);
    actor *a = actor_spawn(&h.wd, "a", watches_by_thread, &h);
    world_run(&h.wd);
    free(a);
    CHECK_INT(bide_loop_close(h.wd.loop, SECOND, NULL, NULL), 0);
    bide_loop_unref(h.wd.loop);
    CHECK(has_children());
    close(h.fds[0]);
    close(h.fds[1]);
    while (has_children() || memory_held())
        usleep(1000);
    check_end();
}

/* -- what fails ----------------------------------------------------------- */

/* Leaves room for `spare` descriptors. */
static void
use_up(home *h, int *fds, int spare)
{
    struct rlimit r;
    (void)h;
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = FEW;
    setrlimit(RLIMIT_NOFILE, &r);
    for (int i = 0; i < FEW; i++)
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int i = FEW - 1; i >= 0 && spare > 0; i--)
        if (fds[i] >= 0) {
            close(fds[i]);
            fds[i] = -1;
            spare--;
        }
}

static void
give_back(int *fds)
{
    struct rlimit r;
    for (int i = 0; i < FEW; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max < 4096 ? r.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &r);
}

static void
lacks_descriptors(actor *a)
{
    home *h = a->arg;
    static int fds[FEW];

    BEGIN(a);
    home_run(h, "true");
    h->o.stdio[0].kind = BIDE_STDIO_NULL;
    h->o.stdio[1].kind = BIDE_STDIO_PTY;
    h->o.stdio[2].kind = BIDE_STDIO_PIPE;
    for (a->i = 0;; a->i++) {
        use_up(h, fds, a->i);
        AWAIT(a, bide_process_open(&h->o, &a->w));
        give_back(fds);
        if (a->rc == 0)
            break;
        CHECK_INT(a->rc, -EMFILE);
        CHECK_INT(a->w.value.as.integer, BIDE_SPAWN_PREPARE);
    }
    CHECK(a->i >= 5);
    h->p = a->w.value.as.ptr;
    ENDS(a, h, 0);
    END(a);
}

static void
test_process_without_descriptors_is_an_error(void **state)
{
    (void)state;
    home_play(lacks_descriptors);
}

static void
lacks_memory(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    AWAIT(a, bide_process_open(&h->o, &a->w));
    if (a->rc == 0) {
        h->p = a->w.value.as.ptr;
        AWAIT_OK(a, bide_process_wait(h->p, &a->w));
    }
    END(a);
}

static const char *const more[] = {"A=2", NULL};

static int
attempt(void)
{
    home h = {.count = 0};
    int rc = bide_loop_new(NULL, &h.wd.loop);
    if (rc)
        return rc;
    home_run(&h, "true")->stdio[1].kind = BIDE_STDIO_PTY;
    h.o.stdio[0].kind = BIDE_STDIO_PIPE;
    h.o.env = more;
    h.o.flags = BIDE_PROCESS_EXTEND_ENV;
    actor *a = actor_spawn(&h.wd, "a", lacks_memory, &h);
    CHECK_INT(bide_loop_run(h.wd.loop, NULL), 0);
    rc = a->rc;
    home_drop(&h);
    CHECK_INT(bide_loop_close(h.wd.loop, SECOND, NULL, NULL), 0);
    bide_loop_unref(h.wd.loop);
    free(a);
    CHECK(!has_children());
    return rc;
}

static void
test_process_without_memory(void **state)
{
    (void)state;
    sweep_memory(attempt);
}

/* -- cancelling ----------------------------------------------------------- */

static void
lives_with_a_child(actor *a)
{
    home *h = a->arg;

    BEGIN(a);
    AWAIT(a, bide_process_open(&h->o, &a->w));
    if (a->rc == 0) {
        h->p = a->w.value.as.ptr;
        AWAIT(a, bide_stream_write(home_stream(h, 0), "x\n", 2, &a->w));
        AWAIT(a, bide_stream_read_until(home_stream(h, 1), "\n", 1, 9, &a->w));
        if (a->rc == 0)
            bide_stream_consume(home_stream(h, 1), a->w.u.io.len);
        AWAIT(a, bide_process_wait(h->p, &a->w));
    }
    END(a);
}

static actor *
build(world *wd, void *state)
{
    home *h = state;
    home_shell(h, "read line; echo $line; exit 6");
    h->o.stdio[0].kind = h->o.stdio[1].kind = BIDE_STDIO_PIPE;
    return actor_spawn(wd, "a", lives_with_a_child, h);
}

static void
verify(world *wd, void *state, bool hit)
{
    home *h = state;
    (void)wd;
    CHECK(h->p != NULL || hit);
    if (h->p)
        bide_process_close(h->p);
    home_drop(h);
}

static void
test_process_cancel_at_every_park(void **state)
{
    (void)state;
    static const scenario s = {sizeof(home), build, verify};
    sweep_cancel(&s);
    while (has_children())
        usleep(1000);
}

TEST_MAIN("process_end", T(process_several_tasks_wait),
          T(process_signal_after_its_end_does_nothing),
          T(process_stop_kills_after_the_grace), T(process_group_ends_with_it),
          T(process_leaving_the_block_ends_it),
          T(process_dropped_runs_on_and_is_reaped),
          T(process_that_outlives_the_loop_is_reaped),
          T(process_many_in_a_row_leave_nothing),
          T(process_in_two_loops_at_once), T(process_without_a_pidfd),
          T(process_without_descriptors_is_an_error), T(process_without_memory),
          T(process_cancel_at_every_park))
