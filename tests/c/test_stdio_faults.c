/* test_stdio_faults.c - standard streams: writing to a file, cancelled; TLS
 * over one; and a process without descriptors 0, 1 and 2. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support_sweep.h"
#include "support_tls.h"

/* -- writes --------------------------------------------------------------- */

enum { MESSAGES = 3, SIZE = 100 * 1000 };

typedef struct paper {
    bide_stream *s; /* standard output, which is `file` */
    int file;
    char *data;
    bool ended;
} paper;

/* Standard output as a stream, after it has been made `file` for a moment. */
static bide_stream *
output_to(bide_loop *l, int file)
{
    bide_stream *s = NULL;
    fflush(NULL);
    int kept = fcntl(1, F_DUPFD_CLOEXEC, 3);
    dup2(file, 1);
    int rc = bide_stream_open_stdio(l, 1, &s);
    dup2(kept, 1);
    close(kept);
    CHECK_INT(rc, 0);
    return s;
}

static int
temporary(void)
{
    char path[] = "/tmp/bide-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    CHECK(fd >= 0);
    return fd;
}

static void
writes(actor *a)
{
    paper *p = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < MESSAGES; a->i++) {
        AWAIT(a, bide_stream_write(p->s, p->data + (size_t)a->i * SIZE, SIZE,
                                   &a->w));
        if (a->rc)
            break;
        a->n++;
    }
    END(a);
}

/* What began goes on behind the cancelled write; this waits for it. */
static void
ends_it(actor *a)
{
    paper *p = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_task_join(&a->world->victim->task, &a->w));
    AWAIT_OK(a, bide_stream_shutdown(p->s, &a->w));
    p->ended = true;
    END(a);
}

static actor *
build(world *wd, void *state)
{
    paper *p = state;
    p->file = temporary();
    p->s = output_to(wd->loop, p->file);
    p->data = malloc((size_t)MESSAGES * SIZE);
    for (int i = 0; i < MESSAGES * SIZE; i++)
        p->data[i] = (char)(i * 7 + i / 251);
    wd->victim = actor_spawn(wd, "victim", writes, p);
    actor_spawn(wd, "end", ends_it, p);
    return wd->victim;
}

static void
verify(world *wd, void *state, bool hit)
{
    paper *p = state;
    struct stat st = {.st_size = 0};
    char *copy = malloc((size_t)MESSAGES * SIZE);
    CHECK(p->ended);
    CHECK_INT(fstat(p->file, &st), 0);
    int whole = (int)(st.st_size / SIZE);
    CHECK_INT(st.st_size % SIZE, 0);
    CHECK(whole == wd->victim->n || (hit && whole == wd->victim->n + 1));
    CHECK_INT(pread(p->file, copy, (size_t)st.st_size, 0), st.st_size);
    CHECK(memcmp(copy, p->data, (size_t)st.st_size) == 0);
    bide_stream_unref(p->s);
    close(p->file);
    free(copy);
    free(p->data);
}

static void
test_stdio_write_cancel_at_every_park(void **state)
{
    (void)state;
    sweep_cancel(&(scenario){sizeof(paper), build, verify});
}

/* -- TLS ------------------------------------------------------------------ */

static void
test_stdio_of_a_file_has_no_tls(void **state)
{
    (void)state;
    world wd;
    bide_stream *tls = NULL;
    bide_tls_context *c = NULL;
    int rc =
        bide_tls_context_new(&(bide_tls_config){.server = false}, &c, NULL, 0);
    world_begin(&wd, 0);
    int file = temporary();
    bide_stream *s = output_to(wd.loop, file);
    CHECK(rc == 0 || rc == -ENOTSUP); /* built without OpenSSL */
    CHECK_INT(bide_tls_start_client(s, c, "localhost", NULL, 0, &tls),
              -ENOTSUP);
    CHECK(!tls && !bide_stream_closed(s));
    bide_tls_context_unref(c);
    bide_stream_unref(s);
    close(file);
    world_end(&wd);
}

/* -- without 0, 1 and 2 --------------------------------------------------- */

static void
takes_a_turn(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    END(a);
}

/* Runs a loop; what it opened stays away from the standard numbers. */
static int
runs_without(void)
{
    world wd;
    bide_stream *pair[2] = {NULL, NULL}, *s;
    int wrong = 0;
    char byte;
    world_begin_real(&wd);
    actor_spawn(&wd, "a", takes_a_turn, NULL);
    CHECK_INT(bide_loop_run(wd.loop, NULL), 0);
    CHECK_INT(bide_stream_pair(wd.loop, pair), 0);
    for (int i = 0; i < 2; i++)
        wrong += bide_stream_fd(pair[i]) < 3;
    for (int i = 0; i < 3; i++) {
        wrong += bide_stream_open_stdio(wd.loop, i, &s) != -EBADF;
        wrong += !(fcntl(i, F_GETFD) & FD_CLOEXEC);
    }
    wrong += read(0, &byte, 1) >= 0 || errno != EBADF;
    wrong += write(1, "x", 1) >= 0 || errno != EBADF;
    for (int i = 0; i < 2; i++)
        bide_stream_unref(pair[i]);
    world_end(&wd);
    return wrong;
}

static void
test_stdio_closed_from_the_start_does_no_harm(void **state)
{
    (void)state;
    int kept[3];
    fflush(NULL);
    for (int i = 0; i < 3; i++) {
        kept[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
        close(i);
    }
    int wrong = runs_without();
    for (int i = 0; i < 3; i++) {
        dup2(kept[i], i);
        close(kept[i]);
    }
    CHECK_INT(wrong, 0);
    check_end();
}

TEST_MAIN("stdio faults", T(stdio_write_cancel_at_every_park),
          T(stdio_of_a_file_has_no_tls),
          T(stdio_closed_from_the_start_does_no_harm))
