/* test_fs_watch.c - changes in a directory, as what tasks wait for. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"
#include "support_watch.h"

static void
test_fs_watch_tells_what_changes(void **state)
{
    (void)state;
    world wd;
    scratch_begin();
    int before = open_descriptors();
    bide_changes *c = watch_begin(&wd);
    put_content("d/a", "x", 1);
    make_dir("d/e");
    put_content("d/e/below", "x", 1);
    CHECK_INT(chmod(scratch("d/a"), 0640), 0);
    remove_file("d/a");
    rename_file("d/e", "e");
    rename_file("d", "gone");
    watch_expect(
        &wd, c, ALL,
        "a:created_a a:modified_a a:created_e/ a:attributes_a a:removed_a "
        "a:removed_e/ a:gone a:EEOF");
    CHECK_INT(open_descriptors(), before);
    check_end();
}

static void
test_fs_watch_pairs_renames(void **state)
{
    (void)state;
    world wd;
    bide_changes *c = watch_begin(&wd);
    put_content("away", "", 0);
    put_content("d/a", "", 0);
    rename_file("d/a", "d/b");
    rename_file("away", "d/in");
    rename_file("d/in", "out");
    make_dir("d/e");
    rename_file("d/e", "d/f");
    rename_file("d/b", "b");
    rename_file("d", "gone");
    watch_expect(
        &wd, c, 1,
        "a:created_a a:renamed_a>b a:created_in a:removed_in a:created_e/ "
        "a:renamed_e>f/ a:removed_b a:gone a:EEOF");
}

/* A name that leaves, last of all: its other half does not come. */
static void
leaves(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_changes_recv(a->arg, ALL, &a->w));
    trace_changes(a);
    rename_file("d/a", "a");
    AWAIT(a, bide_changes_recv(a->arg, ALL, &a->w));
    trace_changes(a);
    END(a);
}

static void
test_fs_watch_waits_for_the_other_half_of_a_rename(void **state)
{
    (void)state;
    world wd;
    bide_changes *c = watch_begin(&wd);
    put_content("d/a", "", 0);
    actor_spawn(&wd, "a", leaves, c);
    world_run(&wd);
    watch_drop(c);
    world_expect(&wd, "a:created_a a:removed_a");
}

static void
test_fs_watch_gives_many_at_once(void **state)
{
    (void)state;
    world wd;
    bide_changes *c = watch_begin(&wd);
    actor *a;
    for (int i = 0; i < 50; i++) {
        make_dir("d/long-enough-a-name-to-fill-a-buffer-after-a-while");
        remove_file("d/long-enough-a-name-to-fill-a-buffer-after-a-while");
    }
    remove_file("d");
    a = change_follower(&wd, "a", c, 100);
    world_run(&wd);
    CHECK_INT(a->parks, 0);
    watch_drop(c);
    world_end(&wd);
}

/* -- overflow ------------------------------------------------------------- */

/* How many events the system keeps for a watch; 0: too many for a test. */
static int
queue_length(void)
{
    int n = 0;
    FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
    if (f && fscanf(f, "%d", &n) != 1) /* NOLINT(cert-err34-c) */
        n = 0;
    if (f)
        fclose(f);
    return n <= 200000 ? n : 0;
}

/* Counts what it is given up to the overflow, and what comes later. */
static void
counts(actor *a)
{
    bide_change *c;
    BEGIN(a);
    for (a->i = 0;;) {
        AWAIT_OK(a, bide_changes_recv(a->arg, 1, &a->w));
        c = a->w.value.as.ptr;
        if (c->kind == BIDE_CHANGE_OVERFLOW)
            break;
        a->i++;
        bide_changes_free(c);
    }
    CHECK(strcmp(c->name, "") == 0);
    bide_changes_free(c);
    CHECK_INT(a->i, a->n);
    remove_file("d/b");
    AWAIT_OK(a, bide_changes_recv(a->arg, 1, &a->w));
    trace_changes(a);
    END(a);
}

static void
test_fs_watch_tells_an_overflow(void **state)
{
    (void)state;
    int room = queue_length();
    if (!room)
        skip(); /* the system's queue is too long to fill, or not known */
    world wd;
    bide_changes *c = watch_begin(&wd);
    put_content("a", "", 0);
    put_content("b", "", 0);
    rename_file("a", "d/a");
    rename_file("b", "d/b");
    for (int i = 0; i < room; i++) /* alternating, or they become one */
        CHECK_INT(chmod(scratch(i % 2 ? "d/a" : "d/b"), 0600), 0);
    actor_spawn(&wd, "a", counts, c)->n = room;
    world_run(&wd);
    watch_drop(c);
    world_expect(&wd, "a:removed_b");
}

/* -- the end -------------------------------------------------------------- */

static void
removes_d(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    remove_file("d");
    END(a);
}

static void
test_fs_watch_ends_when_the_directory_is_gone(void **state)
{
    (void)state;
    world wd;
    bide_changes *c = watch_begin(&wd);
    change_follower(&wd, "a", c, ALL);
    change_follower(&wd, "b", c, ALL);
    actor_spawn(&wd, "c", removes_d, NULL);
    world_run(&wd);
    CHECK(!bide_changes_closed(c));
    watch_drop(c);
    world_expect(&wd, "a:gone a:EEOF b:EEOF");
}

static void
closes(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    bide_changes_close(a->arg);
    bide_changes_close(a->arg);
    CHECK(bide_changes_closed(a->arg));
    END(a);
}

static void
test_fs_watch_close_ends_the_waits(void **state)
{
    (void)state;
    world wd;
    bide_changes *c = watch_begin(&wd);
    change_follower(&wd, "a", c, 1);
    change_follower(&wd, "b", c, 1);
    actor_spawn(&wd, "c", closes, c);
    world_run(&wd);
    change_follower(&wd, "d", c, 1);
    watch_expect(&wd, c, 1, "a:ECLOSED b:ECLOSED d:ECLOSED a:ECLOSED");
}

/* -- several -------------------------------------------------------------- */

static void
test_fs_watch_several_on_one_directory(void **state)
{
    (void)state;
    world wd;
    bide_changes *c = watch_begin(&wd), *other = watch_d(&wd);
    make_dir("d/a");
    bide_changes *later = watch_d(&wd);
    remove_file("d/a");
    remove_file("d");
    change_follower(&wd, "b", later, ALL);
    world_run(&wd);
    watch_drop(later);
    change_follower(&wd, "c", other, ALL);
    world_run(&wd);
    watch_drop(other);
    watch_expect(
        &wd, c, ALL,
        "b:removed_a/ b:gone b:EEOF c:created_a/ c:removed_a/ c:gone c:EEOF "
        "a:created_a/ a:removed_a/ a:gone a:EEOF");
}

static void
test_fs_watch_gives_each_change_to_one_task(void **state)
{
    (void)state;
    world wd;
    bide_changes *c = watch_begin(&wd);
    actor_spawn(&wd, "a", takes_change, c);
    actor_spawn(&wd, "b", takes_change, c);
    actor_spawn(&wd, "c", makes_two, NULL);
    world_run(&wd);
    watch_drop(c);
    world_expect(&wd, "a:created_1/ b:created_2/");
}

/* -- errors --------------------------------------------------------------- */

static void
errs(actor *a)
{
    BEGIN(a);
    CHECK_INT(bide_fs_watch(NULL, &a->w), BIDE_EINVALID);
    AWAIT(a, bide_fs_watch(scratch("none"), &a->w));
    CHECK_INT(a->rc, -ENOENT);
    put_content("file", "", 0);
    AWAIT(a, bide_fs_watch(scratch("file"), &a->w));
    CHECK_INT(a->rc, -ENOTDIR);
    AWAIT_OK(a, bide_fs_watch(scratch("."), &a->w));
    a->arg = a->w.value.as.ptr;
    CHECK_INT(bide_changes_recv(a->arg, 0, &a->w), BIDE_EINVALID);
    watch_drop(a->arg);
    END(a);
}

static void
test_fs_watch_errors(void **state)
{
    (void)state;
    run_actor(errs);
    CHECK(strcmp(bide_fs_watch_strerror(-ENOENT), bide_strerror(-ENOENT)) == 0);
    CHECK(strcmp(bide_change_name(-1), "unknown") == 0);
    CHECK(strcmp(bide_change_name(BIDE_CHANGE_GONE + 1), "unknown") == 0);
    check_end();
}

static void
test_fs_watch_names_the_limit_that_is_reached(void **state)
{
    (void)state;
    CHECK(
        strstr(bide_fs_watch_strerror(-ENOSPC), "fs.inotify.max_user_watches"));
    CHECK(strstr(bide_fs_watch_strerror(-EMFILE),
                 "fs.inotify.max_user_instances"));
    check_end();
}

TEST_MAIN("fs_watch", T(fs_watch_tells_what_changes), T(fs_watch_pairs_renames),
          T(fs_watch_waits_for_the_other_half_of_a_rename),
          T(fs_watch_gives_many_at_once), T(fs_watch_tells_an_overflow),
          T(fs_watch_ends_when_the_directory_is_gone),
          T(fs_watch_close_ends_the_waits),
          T(fs_watch_several_on_one_directory),
          T(fs_watch_gives_each_change_to_one_task), T(fs_watch_errors),
          T(fs_watch_names_the_limit_that_is_reached))
