/* test_fs_watch_cancel.c - waits for changes that are cancelled, and what they
 * do without memory. */
#include <sys/stat.h>
#include <unistd.h>

#include "support_sweep.h"
#include "support_watch.h"

/* -- cancelling ----------------------------------------------------------- */

static void
test_fs_watch_cancelled_wait_loses_nothing(void **state)
{
    (void)state;
    world wd;
    bide_changes *c = watch_begin(&wd);
    actor *a = change_follower(&wd, "b", c, 1);
    cancel_later(&wd, a);
    world_run(&wd);
    make_dir("d/a");
    remove_file("d/a");
    remove_file("d");
    watch_expect(&wd, c, 1,
                 "b:ECANCELED a:created_a/ a:removed_a/ a:gone a:EEOF");
}

/* Drops what it was granted, as a race does with a loser. */
static void
drops(actor *a)
{
    BEGIN(a);
    CHECK_INT(bide_changes_recv(a->arg, 2, &a->w), BIDE_PARKED);
    a->line = 1;
    return;
case 1:
    CHECK_INT(a->w.state, BIDE_WAIT_FIRED);
    CHECK_INT(a->w.u.many.count, 2);
    bide_wait_drop(&a->w);
    trace(a, "drops");
    END(a);
}

static void
test_fs_watch_dropped_changes_go_to_the_next(void **state)
{
    (void)state;
    world wd;
    bide_changes *c = watch_begin(&wd);
    actor_spawn(&wd, "a", drops, c);
    actor_spawn(&wd, "b", takes_change, c);
    actor_spawn(&wd, "c", makes_two, NULL);
    world_run(&wd);
    remove_file("d/1");
    remove_file("d/2");
    remove_file("d");
    change_follower(&wd, "d", c, ALL);
    world_run(&wd);
    watch_drop(c);
    world_expect(&wd, "a:drops b:created_1/ d:created_2/ d:removed_1/ "
                      "d:removed_2/ d:gone d:EEOF");
}

typedef struct shared {
    bide_changes *changes;
    bide_event *there;
    int seen;
} shared;

/* Opens a watch of its own, and takes what the other one tells. */
static void
victim(actor *a)
{
    shared *s = a->arg;
    BEGIN(a);
    AWAIT(a, bide_fs_watch(scratch("d"), &a->w));
    if (a->rc == 0)
        watch_drop(a->w.value.as.ptr);
    AWAIT(a, bide_event_wait(s->there, &a->w));
    for (a->i = 0; a->rc == 0 && a->i < 3; a->i++) {
        AWAIT(a, bide_changes_recv(s->changes, 1, &a->w));
        if (a->rc)
            break;
        s->seen++;
        bide_changes_free(a->w.value.as.ptr);
    }
    END(a);
}

static void
worker(actor *a)
{
    shared *s = a->arg;
    BEGIN(a);
    AWAIT_OK(a, bide_fs_watch(scratch("d"), &a->w));
    s->changes = a->w.value.as.ptr;
    bide_event_set(s->there);
    for (a->i = 0; a->i < 3; a->i++) {
        AWAIT_OK(a, bide_fs_mkdir(scratch("d/x"), 0700, false, &a->w));
        AWAIT_OK(a, bide_fs_rmdir(scratch("d/x"), &a->w));
    }
    END(a);
}

static actor *
build(world *wd, void *state)
{
    shared *s = state;
    CHECK_INT(bide_event_new(NULL, HERE, &s->there), 0);
    actor *v = actor_spawn(wd, "victim", victim, s);
    actor_spawn(wd, "worker", worker, s);
    return v;
}

static void
takes_the_rest(actor *a)
{
    shared *s = a->arg;
    BEGIN(a);
    while (s->seen < 6) {
        AWAIT_OK(a, bide_changes_recv(s->changes, ALL, &a->w));
        s->seen += (int)a->w.u.many.count;
        bide_changes_free(a->w.value.as.ptr);
    }
    CHECK_INT(s->seen, 6);
    END(a);
}

static void
verify(world *wd, void *state, bool hit)
{
    (void)hit;
    shared *s = state;
    actor_spawn(wd, "rest", takes_the_rest, s);
    world_run(wd);
    watch_drop(s->changes);
    bide_event_unref(s->there);
}

static void
test_fs_watch_cancel_at_every_park(void **state)
{
    (void)state;
    static const scenario s = {sizeof(shared), build, verify};
    int before = open_descriptors();
    scratch_begin();
    make_dir("d");
    sweep_cancel(&s);
    CHECK_INT(open_descriptors(), before);
    check_end();
}

/* -- without memory ------------------------------------------------------- */

static int short_of;

/* What a recv could not be given for lack of memory is the next's. */
static void
goes_on(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_fs_watch(scratch("d"), &a->w));
    if (a->rc == BIDE_ENOMEMORY)
        short_of = a->rc;
    if (a->rc == 0) {
        a->arg = a->w.value.as.ptr;
        a->i = 0;
        make_dir("d/x");
        rename_file("d/x", "d/y");
        remove_file("d/y");
        for (a->n = 0; a->n < 3;) {
            AWAIT(a, bide_changes_recv(a->arg, 2, &a->w));
            if (a->rc) {
                CHECK_INT(a->rc, BIDE_ENOMEMORY);
                short_of = a->rc;
                if (++a->i == 3)
                    break;
                continue;
            }
            a->n += (int)a->w.u.many.count;
            bide_changes_free(a->w.value.as.ptr);
        }
        CHECK(a->n == 3 || a->i == 3);
        watch_drop(a->arg);
    }
    END(a);
}

static int
attempt(void)
{
    world wd = {0};
    int rc = bide_loop_new(NULL, &wd.loop);
    if (rc)
        return rc;
    short_of = 0;
    actor *a = actor_spawn(&wd, "a", goes_on, NULL);
    CHECK_INT(bide_loop_run(wd.loop, NULL), 0);
    CHECK(a->over);
    bide_loop_close(wd.loop, BIDE_FOREVER, NULL, NULL);
    bide_loop_unref(wd.loop);
    free(a);
    return short_of;
}

static void
test_fs_watch_without_memory(void **state)
{
    (void)state;
    scratch_begin();
    make_dir("d");
    sweep_memory(attempt);
}

TEST_MAIN("fs_watch_cancel", T(fs_watch_cancelled_wait_loses_nothing),
          T(fs_watch_dropped_changes_go_to_the_next),
          T(fs_watch_cancel_at_every_park), T(fs_watch_without_memory))
