/* test_fs.c - the file system: directories, names, whole files. */
#include <errno.h>
#include <sys/stat.h>

#include "support.h"
#include "support_file.h"

static void
directories(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_fs_mkdir(scratch("d"), 0700, false, &a->w));
    AWAIT(a, bide_fs_mkdir(scratch("d"), 0700, false, &a->w));
    CHECK_INT(a->rc, -EEXIST);
    AWAIT(a, bide_fs_mkdir(scratch("d/e/f"), 0700, false, &a->w));
    CHECK_INT(a->rc, -ENOENT);
    AWAIT_OK(a, bide_fs_mkdir(scratch("d/e/f"), 0700, true, &a->w));
    AWAIT_OK(a, bide_fs_mkdir(scratch("d/e/f"), 0700, true, &a->w));
    AWAIT_OK(a, bide_fs_symlink("/", scratch("d/e/up"), &a->w));
    AWAIT(a, bide_fs_rmdir(scratch("d"), &a->w));
    CHECK_INT(a->rc, -ENOTEMPTY);
    AWAIT_OK(a, bide_fs_remove_tree(scratch("d"), &a->w));
    AWAIT(a, bide_fs_remove_tree(scratch("d"), &a->w));
    CHECK_INT(a->rc, -ENOENT);
    AWAIT(a, bide_fs_stat(scratch("d"), true, &a->w));
    CHECK_INT(a->rc, -ENOENT);
    END(a);
}

static void
test_fs_makes_and_removes_directories(void **state)
{
    (void)state;
    run_actor(directories);
}

static void
lists(actor *a)
{
    const bide_entry *list;
    BEGIN(a);
    AWAIT_OK(a, bide_fs_scan(scratch("."), &a->w));
    CHECK_INT(a->w.u.count, 0);
    bide_fs_free(a->w.value.as.ptr);
    put_content("file", "", 0);
    AWAIT_OK(a, bide_fs_scan(scratch("."), &a->w));
    CHECK_INT(a->w.u.count, 1);
    list = a->w.value.as.ptr;
    CHECK(strcmp(list[0].name, "file") == 0 && list[0].type == 'f');
    bide_fs_free(a->w.value.as.ptr);
    AWAIT(a, bide_fs_scan(scratch("file"), &a->w));
    CHECK_INT(a->rc, -ENOTDIR);
    END(a);
}

static void
test_fs_lists_a_directory(void **state)
{
    (void)state;
    run_actor(lists);
}

/* -- in pieces ------------------------------------------------------------- */

enum { ENTRIES = 1000 };

static void
put_many(void)
{
    char name[32];
    for (int i = 0; i < ENTRIES; i++) {
        snprintf(name, sizeof name, "file-%d", i);
        put_content(name, "", 0);
    }
}

/* Marks the entries as seen; each once. */
static void
see(actor *a, bool *seen)
{
    bide_entry *list = a->w.value.as.ptr;
    for (size_t i = 0; i < a->w.u.count; i++) {
        long n = strtol(list[i].name + strlen("file-"), NULL, 10);
        CHECK(n >= 0 && n < ENTRIES && !seen[n] && list[i].type == 'f');
        seen[n] = true;
    }
    a->n += (int)a->w.u.count;
    bide_fs_free(list);
}

static bool seen[ENTRIES];

static void
pieces(actor *a)
{
    BEGIN(a);
    put_many();
    memset(seen, 0, sizeof seen);
    AWAIT_OK(a, bide_directory_open(scratch("."), &a->w));
    a->arg = a->w.value.as.ptr;
    CHECK_INT(bide_directory_next(a->arg, 0, &a->w), BIDE_EINVALID);
    for (a->i = 0;; a->i++) {
        AWAIT_OK(a, bide_directory_next(a->arg, 64, &a->w));
        CHECK(a->w.u.count <= 64);
        if (a->w.u.count == 0)
            break;
        see(a, seen);
    }
    bide_fs_free(a->w.value.as.ptr);
    CHECK_INT(a->n, ENTRIES);
    CHECK_INT(a->i, (ENTRIES + 63) / 64);
    bide_directory_close(a->arg);
    CHECK_INT(bide_directory_next(a->arg, 64, &a->w), BIDE_ECLOSED);
    CHECK(bide_directory_closed(a->arg));
    bide_directory_unref(a->arg);
    AWAIT(a, bide_directory_open(scratch("file-1"), &a->w));
    CHECK_INT(a->rc, -ENOTDIR);
    CHECK_INT(bide_directory_open(NULL, &a->w), BIDE_EINVALID);
    END(a);
}

static void
test_fs_scans_in_pieces(void **state)
{
    (void)state;
    run_actor(pieces);
}

static void
scans(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_directory_next(a->arg, 100, &a->w));
    if (a->rc == 0) {
        see(a, seen);
        AWAIT(a, bide_directory_next(a->arg, 100, &a->w));
        if (a->rc == 0)
            see(a, seen);
    }
    *(int *)a->extra += a->n;
    END(a);
}

static void
takes_the_rest(actor *a)
{
    BEGIN(a);
    for (;;) {
        AWAIT(a, bide_directory_next(a->arg, 100, &a->w));
        if (a->rc == BIDE_EBUSY) { /* a read that nobody waits for */
            AWAIT_OK(a, bide_yield(&a->w));
            continue;
        }
        CHECK_INT(a->rc, 0);
        if (a->w.u.count == 0)
            break;
        see(a, seen);
    }
    bide_fs_free(a->w.value.as.ptr);
    *(int *)a->extra += a->n;
    END(a);
}

static void
opens(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_directory_open(scratch("."), &a->w));
    *(bide_directory **)a->arg = a->w.value.as.ptr;
    END(a);
}

static void
scan_and_cancel(void)
{
    world wd;
    bide_directory *d = NULL;
    int total = 0;
    memset(seen, 0, sizeof seen);
    world_begin_real(&wd);
    actor_spawn(&wd, "opens", opens, &d);
    world_run(&wd);
    actor *a = actor_spawn(&wd, "a", scans, d);
    a->extra = &total;
    cancel_later(&wd, a);
    actor *rest = actor_spawn(&wd, "rest", takes_the_rest, d);
    rest->extra = &total;
    world_run(&wd);
    CHECK_INT(total, ENTRIES);
    bide_directory_unref(d);
    world_end(&wd);
}

static void
test_fs_scan_cancelled_loses_nothing(void **state)
{
    (void)state;
    scratch_begin();
    put_many();
    for (int i = 0; i < 20; i++)
        scan_and_cancel();
    check_end();
}

static void
names(actor *a)
{
    bide_stat *st;
    BEGIN(a);
    put_content("a", "content", 7);
    AWAIT_OK(a, bide_fs_rename(scratch("a"), scratch("b"), &a->w));
    AWAIT(a, bide_fs_rename(scratch("a"), scratch("b"), &a->w));
    CHECK_INT(a->rc, -ENOENT);
    AWAIT_OK(a, bide_fs_link(scratch("b"), scratch("a"), &a->w));
    AWAIT_OK(a, bide_fs_symlink("b", scratch("l"), &a->w));
    AWAIT_OK(a, bide_fs_readlink(scratch("l"), &a->w));
    CHECK(strcmp(a->w.value.as.ptr, "b") == 0 && a->w.u.count == 1);
    bide_fs_free(a->w.value.as.ptr);
    AWAIT_OK(a, bide_fs_stat(scratch("l"), false, &a->w));
    CHECK(S_ISLNK(((bide_stat *)a->w.value.as.ptr)->mode));
    bide_fs_free(a->w.value.as.ptr);
    AWAIT(a, bide_fs_copy(scratch("a"), scratch("b"), &a->w));
    CHECK_INT(a->rc, -EINVAL);
    AWAIT_OK(a, bide_fs_copy(scratch("a"), scratch("c"), &a->w));
    AWAIT_OK(a, bide_fs_chmod(scratch("c"), 0600, &a->w));
    AWAIT_OK(a, bide_fs_utime(scratch("c"), SECOND, -SECOND / 2, &a->w));
    AWAIT_OK(a, bide_fs_stat(scratch("c"), true, &a->w));
    st = a->w.value.as.ptr;
    CHECK_INT(st->mode & 07777, 0600);
    CHECK_INT(st->atime, SECOND);
    CHECK_INT(st->mtime, -SECOND / 2);
    bide_fs_free(st);
    AWAIT_OK(a, bide_fs_unlink(scratch("c"), &a->w));
    END(a);
}

static void
test_fs_renames_links_and_copies(void **state)
{
    (void)state;
    run_actor(names);
}

static void
whole(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_fs_read_file(scratch("a"), &a->w));
    CHECK_INT(a->rc, -ENOENT);
    AWAIT_OK(a, bide_fs_write_file(scratch("a"), "ab", 2, BIDE_FS_WRITE, 0600,
                                   &a->w));
    AWAIT_OK(a, bide_fs_write_file(scratch("a"), "cd", 2, BIDE_FS_APPEND, 0600,
                                   &a->w));
    AWAIT_OK(a, bide_fs_read_file(scratch("a"), &a->w));
    CHECK_INT(a->w.u.count, 4);
    CHECK(memcmp(a->w.value.as.ptr, "abcd", 4) == 0);
    bide_fs_free(a->w.value.as.ptr);
    AWAIT_OK(a, bide_fs_write_file(scratch("a"), "new", 3, BIDE_FS_REPLACE,
                                   0600, &a->w));
    AWAIT(a, bide_fs_write_file("/dev/full", "x", 1, BIDE_FS_WRITE, 0, &a->w));
    CHECK_INT(a->rc, -ENOSPC);
    AWAIT(a, bide_fs_read_file(scratch("."), &a->w));
    CHECK_INT(a->rc, -EISDIR);
    END(a);
}

static void
test_fs_whole_files(void **state)
{
    (void)state;
    run_actor(whole);
    check_content("a", "new", 3);
}

static void
temporary(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_fs_temp(scratch("p"), false, &a->w));
    a->arg = a->w.value.as.ptr;
    CHECK_INT(strlen(a->arg), a->w.u.count);
    AWAIT_OK(a, bide_fs_unlink(a->arg, &a->w));
    bide_fs_free(a->arg);
    AWAIT_OK(a, bide_fs_temp(scratch("p"), true, &a->w));
    a->arg = a->w.value.as.ptr;
    AWAIT_OK(a, bide_fs_rmdir(a->arg, &a->w));
    bide_fs_free(a->arg);
    AWAIT(a, bide_fs_temp(scratch("none/p"), true, &a->w));
    CHECK_INT(a->rc, -ENOENT);
    END(a);
}

static void
test_fs_temporary_things_are_removed(void **state)
{
    (void)state;
    run_actor(temporary);
}

static void
bad(actor *a)
{
    BEGIN(a);
    CHECK_INT(bide_fs_stat(NULL, true, &a->w), BIDE_EINVALID);
    CHECK_INT(bide_fs_rename("a", NULL, &a->w), BIDE_EINVALID);
    CHECK_INT(bide_fs_write_file("a", "", 0, 9, 0, &a->w), BIDE_EINVALID);
    END(a);
}

static void
test_fs_bad_arguments(void **state)
{
    (void)state;
    run_actor(bad);
}

TEST_MAIN("fs", T(fs_makes_and_removes_directories), T(fs_lists_a_directory),
          T(fs_renames_links_and_copies), T(fs_whole_files),
          T(fs_temporary_things_are_removed), T(fs_bad_arguments),
          T(fs_scans_in_pieces), T(fs_scan_cancelled_loses_nothing))
