/* test_file_queue.c - the order of a file's operations, what is cancelled, what
 * is completed, and the file against a model. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "support.h"
#include "support_file.h"
#include "support_sweep.h"

static bide_file *
open_scratch(world *wd, const char *name)
{
    bide_file *f = NULL;
    int fd = open(scratch(name), O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(bide_file_open_fd(wd->loop, fd, &f), 0);
    return f;
}

static void
writes_its_digit(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_file_write(a->arg, a->name, 1, &a->w));
    END(a);
}

static void
test_file_operations_in_order(void **state)
{
    (void)state;
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    world wd;
    scratch_begin();
    world_begin_real(&wd);
    bide_file *f = open_scratch(&wd, "a");
    for (size_t i = 0; i < COUNT(names); i++)
        actor_spawn(&wd, names[i], writes_its_digit, f);
    world_run(&wd);
    bide_file_unref(f);
    world_end(&wd);
    check_content("a", "01234567", 8);
}

/* Cancelled while they wait for their turn. */
static void
test_file_cancelled_operation_did_not_happen(void **state)
{
    (void)state;
    world wd;
    scratch_begin();
    world_begin_real(&wd);
    bide_file *f = open_scratch(&wd, "a");
    actor_spawn(&wd, "0", writes_its_digit, f);
    actor *queued = actor_spawn(&wd, "1", writes_its_digit, f);
    actor_spawn(&wd, "2", writes_its_digit, f);
    cancel_later(&wd, queued);
    world_run(&wd);
    assert_int_equal(queued->rc, BIDE_ECANCELED);
    bide_file_unref(f);
    world_end(&wd);
    check_content("a", "02", 2);
}

static void
reads_pipe(actor *a)
{
    size_t len;
    BEGIN(a);
    AWAIT(a, bide_file_read(a->arg, 10, &a->w));
    trace(a, "%s",
          a->rc ? bide_error_name(a->rc) : bide_file_data(a->arg, &len));
    if (a->rc == 0)
        bide_file_consume(a->arg, a->w.u.io.len);
    END(a);
}

static void
feeds_pipe(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_task_join(&((actor *)a->arg)->task, &a->w));
    CHECK_INT(write(a->n, "abc", 4), 4);
    END(a);
}

/* It had begun: a thread was in the system's read. What that got stays. */
static void
test_file_cancelled_read_loses_nothing(void **state)
{
    (void)state;
    int fds[2];
    world wd;
    bide_file *f;
    assert_int_equal(pipe(fds), 0);
    world_begin_real(&wd);
    assert_int_equal(bide_file_open_fd(wd.loop, fds[0], &f), 0);
    actor *first = actor_spawn(&wd, "first", reads_pipe, f);
    actor_spawn(&wd, "second", reads_pipe, f);
    cancel_later(&wd, first);
    actor_spawn(&wd, "feed", feeds_pipe, first)->n = fds[1];
    world_run(&wd);
    world_traced(&wd, "first:ECANCELED second:abc");
    bide_file_unref(f);
    close(fds[1]);
    world_end(&wd);
}

/* The last reference goes, and the loop closes, right after the tasks ended. */
static void
test_file_close_completes_what_was_accepted(void **state)
{
    (void)state;
    world wd;
    scratch_begin();
    int before = open_descriptors();
    world_begin_real(&wd);
    bide_file *f = open_scratch(&wd, "a");
    actor *writer = actor_spawn(&wd, "x", writes_its_digit, f);
    world_run(&wd);
    assert_int_equal(writer->rc, 0);
    bide_file_unref(f);
    world_end(&wd);
    check_content("a", "x", 1);
    assert_int_equal(open_descriptors(), before);
}

static void
cancelled_close(actor *a)
{
    BEGIN(a);
    bide_task_cancel(&a->task, number(1));
    CHECK_INT(bide_file_close(a->arg, &a->w), BIDE_ECANCELED);
    CHECK(bide_file_closed(a->arg));
    END(a);
}

static void
test_file_cancelled_close_closes(void **state)
{
    (void)state;
    world wd;
    scratch_begin();
    int before = open_descriptors();
    world_begin_real(&wd);
    bide_file *f = open_scratch(&wd, "a");
    actor_spawn(&wd, "a", cancelled_close, f);
    world_run(&wd);
    bide_file_unref(f);
    world_end(&wd);
    assert_int_equal(open_descriptors(), before);
}

/* -- cancel at every park ------------------------------------------------- */

typedef struct shared {
    bide_file *file;
    int done; /* writes of the victim that ended well */
} shared;

static void
victim(actor *a)
{
    shared *s = a->arg;
    BEGIN(a);
    for (a->i = 0; a->i < 4; a->i++) {
        AWAIT(a, bide_file_write(s->file, "v", 1, &a->w));
        if (a->rc)
            break;
        s->done++;
    }
    END(a);
}

static void
other(actor *a)
{
    shared *s = a->arg;
    BEGIN(a);
    for (a->i = 0; a->i < 4; a->i++)
        AWAIT_OK(a, bide_file_write(s->file, "o", 1, &a->w));
    END(a);
}

static actor *
build(world *wd, void *state)
{
    shared *s = state;
    s->file = open_scratch(wd, "a");
    actor *v = actor_spawn(wd, "victim", victim, s);
    actor_spawn(wd, "other", other, s);
    return v;
}

static void
verify(world *wd, void *state, bool hit)
{
    (void)wd;
    (void)hit;
    shared *s = state;
    char got[16];
    int mine = 0;
    ssize_t n = pread(bide_file_fd(s->file), got, sizeof got, 0);
    for (ssize_t i = 0; i < n; i++)
        mine += got[i] == 'v';
    CHECK_INT(mine, s->done);
    CHECK_INT(n, mine + 4);
    CHECK_INT(bide_file_position(s->file), n);
    bide_file_unref(s->file);
}

static void
test_file_cancel_at_every_park(void **state)
{
    (void)state;
    static const scenario s = {sizeof(shared), build, verify};
    scratch_begin();
    sweep_cancel(&s);
}

/* -- the model ------------------------------------------------------------ */

enum { MOST = 1024, STEPS = 150 };

typedef struct model {
    uint64_t seed;
    char bytes[MOST];
    size_t size, at;
    char data[64];
    int op;
    size_t n, offset;
    bide_file *file;
} model;

static void
fill(model *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int k = random_below(&m->seed, 27);
        m->data[i] = (char)(k ? 96 + k : '\n');
    }
}

static void
put(model *m, size_t at, size_t n)
{
    if (n == 0)
        return;
    if (at > m->size)
        memset(m->bytes + m->size, 0, at - m->size);
    memcpy(m->bytes + at, m->data, n);
    if (at + n > m->size)
        m->size = at + n;
}

static size_t
there(const model *m, size_t at, size_t n)
{
    size_t left = at < m->size ? m->size - at : 0;
    return n < left ? n : left;
}

static size_t
line(const model *m)
{
    size_t left = there(m, m->at, MOST);
    const char *end = left ? memchr(m->bytes + m->at, '\n', left) : NULL;
    return end ? (size_t)(end - (m->bytes + m->at)) + 1 : left;
}

static int
submit(model *m, bide_wait *w)
{
    m->op = random_below(&m->seed, 7);
    m->n = (size_t)random_below(&m->seed, 60);
    m->offset = (size_t)random_below(&m->seed, 200);
    switch (m->op) {
    case 0:
        fill(m, m->n);
        return bide_file_write(m->file, m->data, m->n, w);
    case 1:
        return bide_file_read_exact(m->file, m->n, w);
    case 2:
        return bide_file_seek(m->file, (int64_t)m->offset, SEEK_SET, w);
    case 3:
        return bide_file_truncate(m->file, (int64_t)m->offset, w);
    case 4:
        fill(m, m->n);
        return bide_file_pwrite(m->file, m->data, m->n, (int64_t)m->offset, w);
    case 5:
        return bide_file_pread(m->file, m->n, (int64_t)m->offset, w);
    default:
        return bide_file_read_until(m->file, "\n", 1, MOST, w);
    }
}

static void
compare_read(model *m, bide_wait *w, size_t wanted)
{
    size_t len;
    const char *data = bide_file_data(m->file, &len);
    CHECK_INT(w->u.io.len, wanted);
    CHECK(memcmp(data, m->bytes + m->at, wanted) == 0);
    bide_file_consume(m->file, wanted);
    m->at += wanted;
}

static void
compare(model *m, bide_wait *w)
{
    size_t n = there(m, m->offset, m->n);
    switch (m->op) {
    case 0:
        put(m, m->at, m->n);
        m->at += m->n;
        break;
    case 1:
        compare_read(m, w, there(m, m->at, m->n));
        break;
    case 2:
        m->at = m->offset;
        break;
    case 3:
        if (m->offset > m->size)
            memset(m->bytes + m->size, 0, m->offset - m->size);
        m->size = m->offset;
        break;
    case 4:
        put(m, m->offset, m->n);
        break;
    case 5:
        CHECK_INT(w->u.io.len, n);
        CHECK(memcmp(w->value.as.ptr, m->bytes + m->offset, n) == 0);
        bide_fs_free(w->value.as.ptr);
        break;
    default:
        compare_read(m, w, line(m));
    }
    CHECK_INT(bide_file_position(m->file), m->at);
}

static void
drives(actor *a)
{
    model *m = a->arg;
    BEGIN(a);
    for (a->i = 0; a->i < STEPS && m->at + 64 < MOST; a->i++) {
        AWAIT_OK(a, submit(m, &a->w));
        compare(m, &a->w);
    }
    AWAIT_OK(a, bide_file_close(m->file, &a->w));
    END(a);
}

static void
test_file_agrees_with_its_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        world wd;
        model m = {.seed = random_seed() ? random_seed() : seed};
        scratch_begin();
        world_begin_real(&wd);
        m.file = open_scratch(&wd, "a");
        actor_spawn(&wd, "driver", drives, &m);
        world_run(&wd);
        bide_file_unref(m.file);
        world_end(&wd);
        check_content("a", m.bytes, m.size);
    }
}

/* -- memory --------------------------------------------------------------- */

static void
uses(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_file_write(a->arg, "xy", 2, &a->w));
    a->n = a->rc;
    AWAIT(a, bide_file_pread(a->arg, 2, 0, &a->w));
    if (a->rc == 0)
        bide_fs_free(a->w.value.as.ptr);
    a->n = a->n ? a->n : a->rc;
    AWAIT(a, bide_file_read_exact(a->arg, SIZE_MAX, &a->w));
    a->n = a->n ? a->n : a->rc;
    if (a->rc == 0)
        bide_file_consume(a->arg, a->w.u.io.len);
    AWAIT(a, bide_fs_read_file(scratch("a"), &a->w));
    if (a->rc == 0)
        bide_fs_free(a->w.value.as.ptr);
    a->n = a->n ? a->n : a->rc;
    END(a);
}

static void
test_file_survives_allocation_failures(void **state)
{
    (void)state;
    for (size_t k = 1; k < 60; k++) {
        world wd;
        scratch_begin();
        world_begin_real(&wd);
        bide_file *f = open_scratch(&wd, "a");
        actor *a = actor_spawn(&wd, "a", uses, f);
        memory_fail_at(k, false);
        world_run(&wd);
        bool failed = memory_failed();
        memory_fail_at(0, false);
        CHECK(a->n == 0 || (failed && a->n == BIDE_ENOMEMORY));
        bide_file_unref(f);
        world_end(&wd);
        if (!failed)
            return;
    }
    fail_msg("the sweep does not end");
}

TEST_MAIN("file_queue", T(file_operations_in_order),
          T(file_cancelled_operation_did_not_happen),
          T(file_cancelled_read_loses_nothing),
          T(file_close_completes_what_was_accepted),
          T(file_cancelled_close_closes), T(file_cancel_at_every_park),
          T(file_agrees_with_its_model), T(file_survives_allocation_failures))
