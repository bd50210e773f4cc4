/* test_file.c - open files: reading, writing, their order and their end. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"
#include "support_file.h"

static void
checks_text(actor *a, bide_file *f, const char *wanted)
{
    size_t len, n = a->w.u.io.len;
    const char *data = bide_file_data(f, &len);
    CHECK(len >= n);
    CHECK_INT(n, strlen(wanted));
    CHECK(n == strlen(wanted) && memcmp(data, wanted, n) == 0);
    bide_file_consume(f, n);
}

static bide_file *
opened(actor *a)
{
    CHECK_INT(a->rc, 0);
    a->extra = a->w.value.as.ptr;
    return a->extra;
}

/* -- reading and writing -------------------------------------------------- */

static void
reads_back(actor *a)
{
    bide_file *f = a->extra;
    BEGIN(a);
    AWAIT(a, bide_file_open(scratch("a"), O_RDWR | O_CREAT, 0600, &a->w));
    f = opened(a);
    AWAIT_OK(a, bide_file_write(f, "one\ntwo\nthree", 13, &a->w));
    CHECK_INT(bide_file_position(f), 13);
    AWAIT_OK(a, bide_file_seek(f, 0, SEEK_SET, &a->w));
    CHECK_INT(a->w.value.as.integer, 0);
    AWAIT_OK(a, bide_file_read(f, 2, &a->w));
    checks_text(a, f, "on");
    CHECK_INT(bide_file_position(f), 2);
    AWAIT_OK(a, bide_file_read_until(f, "\n", 1, 100, &a->w));
    checks_text(a, f, "e\n");
    AWAIT_OK(a, bide_file_read_exact(f, 5, &a->w));
    checks_text(a, f, "two\nt");
    AWAIT_OK(a, bide_file_read_exact(f, SIZE_MAX, &a->w));
    checks_text(a, f, "hree");
    AWAIT_OK(a, bide_file_read(f, 10, &a->w));
    checks_text(a, f, "");
    AWAIT_OK(a, bide_file_close(f, &a->w));
    bide_file_unref(f);
    END(a);
}

static void
test_file_reads_what_was_written(void **state)
{
    (void)state;
    run_actor(reads_back);
    check_content("a", "one\ntwo\nthree", 13);
}

static void
reads_lines(actor *a)
{
    bide_file *f = a->extra;
    BEGIN(a);
    put_content("a", "first\n\nlast", 11);
    AWAIT(a, bide_file_open(scratch("a"), O_RDONLY, 0, &a->w));
    f = opened(a);
    AWAIT_OK(a, bide_file_read_until(f, "\n", 1, 100, &a->w));
    checks_text(a, f, "first\n");
    AWAIT_OK(a, bide_file_read_until(f, "\n", 1, 100, &a->w));
    checks_text(a, f, "\n");
    AWAIT(a, bide_file_read_until(f, "\n", 1, 3, &a->w));
    CHECK_INT(a->rc, BIDE_ETOOLONG);
    AWAIT_OK(a, bide_file_read_until(f, "\n", 1, 100, &a->w));
    checks_text(a, f, "last");
    AWAIT_OK(a, bide_file_read_until(f, "\n", 1, 100, &a->w));
    checks_text(a, f, "");
    AWAIT_OK(a, bide_file_close(f, &a->w));
    bide_file_unref(f);
    END(a);
}

static void
test_file_reads_lines(void **state)
{
    (void)state;
    run_actor(reads_lines);
}

static void
sees_growth(actor *a)
{
    bide_file *f = a->extra;
    BEGIN(a);
    put_content("a", "x", 1);
    AWAIT(a, bide_file_open(scratch("a"), O_RDONLY, 0, &a->w));
    f = opened(a);
    AWAIT_OK(a, bide_file_read(f, 10, &a->w));
    checks_text(a, f, "x");
    AWAIT_OK(a, bide_file_read(f, 10, &a->w));
    checks_text(a, f, "");
    put_content("a", "xyz", 3);
    AWAIT_OK(a, bide_file_read(f, 10, &a->w));
    checks_text(a, f, "yz");
    AWAIT_OK(a, bide_file_close(f, &a->w));
    bide_file_unref(f);
    END(a);
}

static void
test_file_end_is_not_for_ever(void **state)
{
    (void)state;
    run_actor(sees_growth);
}

static void
appends(actor *a)
{
    bide_file *f = a->extra;
    BEGIN(a);
    put_content("a", "ab", 2);
    AWAIT(a, bide_file_open(scratch("a"), O_RDWR | O_APPEND, 0, &a->w));
    f = opened(a);
    CHECK_INT(bide_file_position(f), 2);
    AWAIT_OK(a, bide_file_seek(f, 0, SEEK_SET, &a->w));
    AWAIT_OK(a, bide_file_write(f, "cd", 2, &a->w));
    CHECK_INT(bide_file_position(f), 4);
    AWAIT_OK(a, bide_file_seek(f, -3, SEEK_END, &a->w));
    CHECK_INT(a->w.value.as.integer, 1);
    AWAIT_OK(a, bide_file_read(f, 10, &a->w));
    checks_text(a, f, "bcd");
    AWAIT_OK(a, bide_file_close(f, &a->w));
    bide_file_unref(f);
    END(a);
}

static void
test_file_append_goes_to_the_end(void **state)
{
    (void)state;
    run_actor(appends);
    check_content("a", "abcd", 4);
}

static void
uses_places(actor *a)
{
    bide_file *f = a->extra;
    BEGIN(a);
    put_content("a", "0123456789", 10);
    AWAIT(a, bide_file_open(scratch("a"), O_RDWR, 0, &a->w));
    f = opened(a);
    AWAIT_OK(a, bide_file_read(f, 2, &a->w));
    checks_text(a, f, "01");
    AWAIT_OK(a, bide_file_pwrite(f, "xy", 2, 3, &a->w));
    AWAIT_OK(a, bide_file_pread(f, 100, 8, &a->w));
    CHECK_INT(a->w.u.io.len, 2);
    CHECK(memcmp(a->w.value.as.ptr, "89", 2) == 0);
    bide_fs_free(a->w.value.as.ptr);
    AWAIT_OK(a, bide_file_pread(f, 4, 50, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    bide_fs_free(a->w.value.as.ptr);
    AWAIT_OK(a, bide_file_read(f, 4, &a->w));
    checks_text(a, f, "2xy5");
    AWAIT_OK(a, bide_file_close(f, &a->w));
    bide_file_unref(f);
    END(a);
}

static void
test_file_places_leave_the_position(void **state)
{
    (void)state;
    run_actor(uses_places);
    check_content("a", "012xy56789", 10);
}

static void
truncates(actor *a)
{
    bide_file *f = a->extra;
    bide_stat *st;
    BEGIN(a);
    put_content("a", "0123456789", 10);
    AWAIT(a, bide_file_open(scratch("a"), O_RDWR, 0, &a->w));
    f = opened(a);
    AWAIT_OK(a, bide_file_read(f, 1, &a->w));
    checks_text(a, f, "0");
    AWAIT_OK(a, bide_file_truncate(f, 3, &a->w));
    AWAIT_OK(a, bide_file_stat(f, &a->w));
    st = a->w.value.as.ptr;
    CHECK_INT(st->size, 3);
    CHECK(S_ISREG(st->mode));
    bide_fs_free(st);
    AWAIT_OK(a, bide_file_read(f, 10, &a->w));
    checks_text(a, f, "12");
    AWAIT_OK(a, bide_file_sync(f, false, &a->w));
    AWAIT_OK(a, bide_file_sync(f, true, &a->w));
    AWAIT_OK(a, bide_file_close(f, &a->w));
    bide_file_unref(f);
    END(a);
}

static void
test_file_truncate_stat_and_sync(void **state)
{
    (void)state;
    run_actor(truncates);
    check_content("a", "012", 3);
}

static void
large(actor *a)
{
    static char *data;
    enum { SIZE = 20 * 1024 * 1024 };
    bide_file *f = a->extra;
    size_t len;
    BEGIN(a);
    data = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i * 2654435761u >> 13);
    AWAIT(a, bide_file_open(scratch("a"), O_RDWR | O_CREAT, 0600, &a->w));
    f = opened(a);
    AWAIT_OK(a, bide_file_write(f, data, SIZE, &a->w));
    AWAIT_OK(a, bide_file_seek(f, 0, SEEK_SET, &a->w));
    AWAIT_OK(a, bide_file_read_exact(f, SIZE_MAX, &a->w));
    CHECK_INT(a->w.u.io.len, SIZE);
    CHECK(memcmp(bide_file_data(f, &len), data, SIZE) == 0);
    bide_file_consume(f, SIZE);
    free(data);
    AWAIT_OK(a, bide_file_close(f, &a->w));
    bide_file_unref(f);
    END(a);
}

static void
test_file_large_in_one_piece(void **state)
{
    (void)state;
    run_actor(large);
}

/* -- what is refused ------------------------------------------------------ */

static void
open_fails(actor *a)
{
    static const struct {
        const char *name;
        int flags, error;
    } rows[] = {
        {"none", O_RDONLY, -ENOENT},
        {"a/b", O_RDONLY, -ENOTDIR},
        {".", O_RDONLY, -EISDIR},
        {".", O_WRONLY, -EISDIR},
        {"a", O_RDWR | O_CREAT | O_EXCL, -EEXIST},
        {"", O_RDONLY, -ENOENT},
    };
    BEGIN(a);
    put_content("a", "x", 1);
    for (a->i = 0; a->i < (int)COUNT(rows); a->i++) {
        AWAIT(a,
              bide_file_open(*rows[a->i].name ? scratch(rows[a->i].name) : "",
                             rows[a->i].flags, 0600, &a->w));
        CHECK_INT(a->rc, rows[a->i].error);
    }
    CHECK_INT(bide_file_open(NULL, O_RDONLY, 0, &a->w), BIDE_EINVALID);
    END(a);
}

static void
test_file_open_errors(void **state)
{
    (void)state;
    run_actor(open_fails);
}

static void
refuses(actor *a)
{
    bide_file *f = a->extra;
    BEGIN(a);
    put_content("a", "x", 1);
    AWAIT(a, bide_file_open(scratch("a"), O_RDONLY, 0, &a->w));
    f = opened(a);
    AWAIT(a, bide_file_write(f, "x", 1, &a->w));
    CHECK_INT(a->rc, -EBADF);
    CHECK_INT(bide_file_read(f, 0, &a->w), BIDE_EINVALID);
    CHECK_INT(bide_file_seek(f, -1, SEEK_SET, &a->w), BIDE_EINVALID);
    CHECK_INT(bide_file_seek(f, 0, 9, &a->w), BIDE_EINVALID);
    CHECK_INT(bide_file_truncate(f, -1, &a->w), BIDE_EINVALID);
    AWAIT_OK(a, bide_file_close(f, &a->w));
    CHECK(bide_file_closed(f));
    CHECK_INT(bide_file_fd(f), BIDE_ECLOSED);
    CHECK_INT(bide_file_read(f, 1, &a->w), BIDE_ECLOSED);
    CHECK_INT(bide_file_write(f, "x", 1, &a->w), BIDE_ECLOSED);
    AWAIT_OK(a, bide_file_close(f, &a->w));
    bide_file_unref(f);
    END(a);
}

static void
test_file_misuse_is_an_error(void **state)
{
    (void)state;
    run_actor(refuses);
}

static void
fills_the_disk(actor *a)
{
    bide_file *f = a->extra;
    BEGIN(a);
    AWAIT(a, bide_file_open("/dev/full", O_WRONLY, 0, &a->w));
    f = opened(a);
    CHECK_INT(bide_file_position(f), -1);
    AWAIT(a, bide_file_write(f, "x", 1, &a->w));
    CHECK_INT(a->rc, -ENOSPC);
    CHECK_INT(a->w.u.io.done, 0);
    AWAIT(a, bide_file_seek(f, 0, SEEK_SET, &a->w));
    CHECK_INT(a->rc, -ESPIPE);
    AWAIT_OK(a, bide_file_close(f, &a->w));
    bide_file_unref(f);
    END(a);
}

static void
test_file_no_space_is_an_error(void **state)
{
    (void)state;
    run_actor(fills_the_disk);
}

static void
has_no_descriptors(actor *a)
{
    static struct rlimit before;
    struct rlimit none;

    BEGIN(a);
    put_content("a", "x", 1);
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
    AWAIT(a, bide_file_open(scratch("a"), O_RDONLY, 0, &a->w));
    CHECK_INT(a->rc, -EMFILE);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), 0);
    AWAIT_OK(a, bide_file_open(scratch("a"), O_RDONLY, 0, &a->w));
    bide_file_unref(a->w.value.as.ptr);
    END(a);
}

static void
test_file_without_descriptors_is_an_error(void **state)
{
    (void)state;
    run_actor(has_no_descriptors);
}

static void
is_denied(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_file_open(a->arg, O_RDONLY, 0, &a->w));
    a->n = a->rc == -EACCES;
    AWAIT(a, bide_file_open(a->arg, O_WRONLY | O_CREAT, 0600, &a->w));
    a->n += a->rc == -EACCES;
    END(a);
}

/* In a process that is not root's. */
static int
denied_child(const char *path)
{
    world wd;
    if (geteuid() == 0 && setuid(65534))
        return 1;
    world_begin_real(&wd);
    actor *a = actor_spawn(&wd, "a", is_denied, (void *)path);
    world_run(&wd);
    int denied = a->n;
    world_end(&wd);
    return denied == 2 ? 0 : 2;
}

static void
test_file_permission_denied_is_an_error(void **state)
{
    (void)state;
    int status = -1;
    scratch_begin();
    put_content("a", "x", 1);
    assert_int_equal(chmod(scratch("a"), 0), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(denied_child(scratch("a")));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
reads_a_pipe(actor *a)
{
    bide_file *f = a->extra;
    int fds[2];
    BEGIN(a);
    CHECK_INT(pipe(fds), 0);
    CHECK_INT(write(fds[1], "abc", 3), 3);
    close(fds[1]);
    CHECK_INT(bide_file_open_fd(a->world->loop, -1, &f), BIDE_EINVALID);
    CHECK_INT(bide_file_open_fd(a->world->loop, fds[0], &f), 0);
    a->extra = f;
    AWAIT_OK(a, bide_file_read(f, 2, &a->w));
    checks_text(a, f, "ab");
    AWAIT_OK(a, bide_file_read_exact(f, 9, &a->w));
    checks_text(a, f, "c");
    AWAIT(a, bide_file_pread(f, 1, 0, &a->w));
    CHECK_INT(a->rc, -ESPIPE);
    bide_file_unref(f); /* closes without waiting */
    END(a);
}

static void
test_file_without_a_position(void **state)
{
    (void)state;
    run_actor(reads_a_pipe);
}

TEST_MAIN("file", T(file_reads_what_was_written), T(file_reads_lines),
          T(file_end_is_not_for_ever), T(file_append_goes_to_the_end),
          T(file_places_leave_the_position), T(file_truncate_stat_and_sync),
          T(file_large_in_one_piece), T(file_open_errors),
          T(file_misuse_is_an_error), T(file_no_space_is_an_error),
          T(file_without_descriptors_is_an_error),
          T(file_permission_denied_is_an_error), T(file_without_a_position))
