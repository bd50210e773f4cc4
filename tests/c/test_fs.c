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
          T(fs_temporary_things_are_removed), T(fs_bad_arguments))
