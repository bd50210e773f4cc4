/* test_file_end.c - several buffers as one write, a disk that fills up, and
 * runs that end while work on files is queued. */
#if defined(__linux__)
#include <sys/mount.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"
#include "support_file.h"

/* -- several buffers ------------------------------------------------------ */

static void
writes_many(actor *a)
{
    static const bide_buffer list[] = {{"ab", 2}, {"", 0}, {"cde", 3}};
    static char into[8];
    BEGIN(a);
    AWAIT_OK(a, bide_file_open(scratch("a"), O_RDWR | O_CREAT, 0600, &a->w));
    a->extra = a->w.value.as.ptr;
    AWAIT_OK(a, bide_file_write_many(a->extra, list, 3, &a->w));
    CHECK_INT(a->w.u.io.done, 5);
    AWAIT_OK(a, bide_file_write_many(a->extra, list, 0, &a->w));
    AWAIT_OK(a, bide_file_write_many(a->extra, list + 2, 1, &a->w));
    CHECK_INT(bide_file_position(a->extra), 8);
    memset(into, '.', sizeof into);
    AWAIT_OK(a, bide_file_pread_into(a->extra, into, 4, 1, &a->w));
    CHECK_INT(a->w.u.io.len, 4);
    CHECK(memcmp(into, "bcde....", 8) == 0);
    AWAIT_OK(a, bide_file_pread_into(a->extra, into, 8, 6, &a->w));
    CHECK_INT(a->w.u.io.len, 2);
    CHECK(memcmp(into, "de", 2) == 0);
    AWAIT_OK(a, bide_file_pread_into(a->extra, into, 8, 100, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    CHECK_INT(bide_file_pread_into(a->extra, into, 8, -1, &a->w),
              BIDE_EINVALID);
    AWAIT_OK(a, bide_file_close(a->extra, &a->w));
    bide_file_unref(a->extra);
    END(a);
}

static void
test_file_writes_many_buffers_as_one(void **state)
{
    (void)state;
    run_actor(writes_many);
    check_content("a", "abcdecde", 8);
}

/* -- a disk that fills up ------------------------------------------------- */

enum { DISK = 64 * 1024 };

/* A file system of 64 KiB in "disk"; false: it may not be mounted. */
static bool
mount_disk(void)
{
#ifdef __linux__
    return mkdir(scratch("disk"), 0700) == 0 &&
           mount("none", scratch("disk"), "tmpfs", 0, "size=64k") == 0;
#else
    return false;
#endif
}

static void
unmount_disk(void)
{
#ifdef __linux__
    CHECK_INT(umount(scratch("disk")), 0);
#endif
}

static char block[2 * DISK];

static void
fills(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a,
             bide_file_open(scratch("disk/a"), O_RDWR | O_CREAT, 0600, &a->w));
    a->extra = a->w.value.as.ptr;
    AWAIT(a, bide_file_write(a->extra, block, sizeof block, &a->w));
    if (a->rc == 0) /* the rest did not fit: told by the next */
        AWAIT(a, bide_file_write(a->extra, block, sizeof block, &a->w));
    CHECK_INT(a->rc, -ENOSPC);
    CHECK(a->w.u.io.done < sizeof block);
    CHECK_INT(bide_file_position(a->extra), a->w.u.io.done);
    AWAIT(a, bide_fs_write_file(scratch("disk/b"), block, sizeof block,
                                BIDE_FS_REPLACE, 0600, &a->w));
    CHECK_INT(a->rc, -ENOSPC);
    AWAIT(a, bide_fs_stat(scratch("disk/b"), true, &a->w));
    CHECK_INT(a->rc, -ENOENT);
    AWAIT_OK(a, bide_file_truncate(a->extra, 0, &a->w));
    AWAIT_OK(a, bide_file_pwrite(a->extra, "x", 1, 0, &a->w));
    AWAIT_OK(a, bide_file_close(a->extra, &a->w));
    bide_file_unref(a->extra);
    AWAIT_OK(a, bide_fs_scan(scratch("disk"), &a->w));
    CHECK_INT(a->w.u.count, 1); /* nothing was left half */
    bide_fs_free(a->w.value.as.ptr);
    END(a);
}

static void
test_file_on_a_full_disk_is_an_error(void **state)
{
    (void)state;
    world wd;
    scratch_begin();
    if (!mount_disk())
        skip(); /* only root may mount a disk to fill */
    world_begin_real(&wd);
    actor *a = actor_spawn(&wd, "a", fills, NULL);
    world_run(&wd);
    CHECK(a->over);
    unmount_disk();
    world_end(&wd);
}

/* -- the end of a run ----------------------------------------------------- */

enum { WRITERS = 50 };

static char written[WRITERS + 1]; /* what writers were told is written */

static void
writes_one(actor *a)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    const char *mine = &letters[a->n % 26]; /* borrowed while it waits */
    BEGIN(a);
    AWAIT(a, bide_file_write(a->arg, mine, 1, &a->w));
    CHECK(a->rc == 0 || a->rc == BIDE_ECANCELED);
    if (a->rc == 0)
        written[strlen(written)] = *mine;
    END(a);
}

/* Lets `n` of them get on, and ends the run as a host does. */
static void
ends_the_run(actor *a)
{
    BEGIN(a);
    for (a->i = 0; a->i < a->n; a->i++)
        AWAIT_OK(a, bide_yield(&a->w));
    a->over = true;
    bide_scope_cancel(bide_loop_root(a->world->loop), BIDE_NO_VALUE);
    END(a);
}

static void
end_with_work_queued(int rounds)
{
    world wd;
    bide_file *f;
    memset(written, 0, sizeof written);
    scratch_begin();
    int before = open_descriptors();
    world_begin_real(&wd);
    int fd = open(scratch("a"), O_RDWR | O_CREAT, 0600);
    CHECK_INT(bide_file_open_fd(wd.loop, fd, &f), 0);
    for (int i = 0; i < WRITERS; i++)
        actor_spawn(&wd, "w", writes_one, f)->n = i;
    if (rounds >= 0)
        actor_spawn(&wd, "end", ends_the_run, NULL)->n = rounds;
    world_run(&wd);
    bide_file_unref(f);
    world_end(&wd);
    if (rounds < 0)
        CHECK_INT(strlen(written), WRITERS);
    check_content("a", written, strlen(written));
    assert_int_equal(open_descriptors(), before);
}

/* Each write is done, or was told that it did not happen. */
static void
test_file_work_queued_at_the_end_is_not_lost(void **state)
{
    (void)state;
    end_with_work_queued(-1);
    for (int rounds = 0; rounds < 200; rounds = 2 * rounds + 1)
        end_with_work_queued(rounds);
}

/* Nobody waits: not for the writes, and not for the close that follows. */
static void
leaves_work(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_file_open(scratch("a"), O_RDWR | O_CREAT, 0600, &a->w));
    a->extra = a->w.value.as.ptr;
    AWAIT_OK(a, bide_file_write(a->extra, block, sizeof block, &a->w));
    bide_file_unref(a->extra);
    END(a);
}

static void
test_file_left_open_is_closed_at_the_end(void **state)
{
    (void)state;
    memset(block, 'x', sizeof block);
    run_actor(leaves_work);
    check_content("a", block, sizeof block);
}

TEST_MAIN("file_end", T(file_writes_many_buffers_as_one),
          T(file_on_a_full_disk_is_an_error),
          T(file_work_queued_at_the_end_is_not_lost),
          T(file_left_open_is_closed_at_the_end))
