/* test_unix.c - Unix sockets. */
#include "support_net.h"
#include "support_sweep.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A world with a directory of its own. */
typedef struct place {
    world wd;
    char directory[64];
    char path[96];
    bide_listener *listener;
    bide_stream *client, *server;
    char text[64];
    int fds[16];
} place;

static void
begin(place *p)
{
    memset(p, 0, sizeof *p);
    strcpy(p->directory, "/tmp/bide-test-XXXXXX");
    CHECK(mkdtemp(p->directory) != NULL);
    snprintf(p->path, sizeof p->path, "%s/socket", p->directory);
    world_begin(&p->wd, 0);
}

static void
end(place *p)
{
    bide_stream_unref(p->client);
    bide_stream_unref(p->server);
    bide_listener_unref(p->listener);
    unlink(p->path);
    CHECK_INT(rmdir(p->directory), 0);
    world_end(&p->wd);
}

/* Runs `body` and ends. */
static void
play(actor_body body)
{
    place p;
    begin(&p);
    actor *a = actor_spawn(&p.wd, "a", body, &p);
    world_run(&p.wd);
    CHECK(a->over);
    end(&p);
}

static mode_t
mode_of(const char *path)
{
    struct stat st;
    return lstat(path, &st) ? 0 : st.st_mode;
}

static socklen_t
size_of(const char *path)
{
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) +
                       (*path != '@'));
}

static struct sockaddr_un
address_of(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, path, strlen(path));
    if (*path == '@')
        a.sun_path[0] = 0;
    return a;
}

/* A plain socket that is bound to `path`. */
static int
peer_bind(const char *path)
{
    struct sockaddr_un a = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(fd, (struct sockaddr *)&a, size_of(path)), 0);
    return fd;
}

static void
make_file(const char *path)
{
    FILE *f = fopen(path, "w");
    CHECK(f != NULL);
    if (f)
        fclose(f);
}

/* -- talking -------------------------------------------------------------- */

static void
connects(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_unix_listen(p->path, NULL, &a->w));
    p->listener = a->w.value.as.ptr;
    CHECK(bide_listener_loop(p->listener) == p->wd.loop);
    AWAIT_OK(a, bide_unix_connect(p->path, &a->w));
    p->client = a->w.value.as.ptr;
    AWAIT_OK(a, bide_listener_accept(p->listener, &a->w));
    p->server = a->w.value.as.ptr;
    END(a);
}

static void
talks(actor *a)
{
    place *p = a->arg;
    size_t len;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(p->client, "hello", 5, &a->w));
    AWAIT_OK(a, bide_stream_shutdown(p->client, &a->w));
    AWAIT_OK(a, bide_stream_read_exact(p->server, 5, &a->w));
    memcpy(p->text, bide_stream_data(p->server, &len), 5);
    bide_stream_consume(p->server, 5);
    AWAIT_OK(a, bide_stream_read(p->server, 9, &a->w));
    CHECK_INT(a->w.u.io.len, 0);
    AWAIT_OK(a, bide_stream_write(p->server, p->text, 5, &a->w));
    AWAIT_OK(a, bide_stream_read_exact(p->client, 5, &a->w));
    CHECK(memcmp(bide_stream_data(p->client, &len), "hello", 5) == 0);
    bide_stream_consume(p->client, 5);
    END(a);
}

static void
test_unix_echo(void **state)
{
    (void)state;
    place p;
    begin(&p);
    actor_spawn(&p.wd, "a", connects, &p);
    world_run(&p.wd);
    actor *a = actor_spawn(&p.wd, "b", talks, &p);
    world_run(&p.wd);
    CHECK(a->over);
    CHECK_INT(bide_tcp_nodelay(p.client, true), BIDE_EINVALID);
    end(&p);
}

static void
test_unix_abstract_name(void **state)
{
    (void)state;
    place p;
    bide_address address;
    begin(&p);
    snprintf(p.path, sizeof p.path, "@%s", p.directory);
    actor_spawn(&p.wd, "a", connects, &p);
    world_run(&p.wd);
    actor_spawn(&p.wd, "b", talks, &p);
    world_run(&p.wd);
    CHECK_INT(bide_listener_address(p.listener, &address), 0);
    CHECK(strcmp(address.host, p.path) == 0);
    CHECK_INT(bide_stream_peer(p.client, &address), 0);
    CHECK(strcmp(address.host, p.path) == 0);
    end(&p);
}

static void
test_unix_addresses_are_told(void **state)
{
    (void)state;
    place p;
    bide_address at, here, there;
    begin(&p);
    actor_spawn(&p.wd, "a", connects, &p);
    world_run(&p.wd);
    CHECK_INT(bide_listener_address(p.listener, &at), 0);
    CHECK(strcmp(at.host, p.path) == 0);
    CHECK_INT(at.family, BIDE_UNIX);
    CHECK_INT(at.port, 0);
    CHECK_INT(bide_stream_peer(p.client, &there), 0);
    CHECK_INT(bide_stream_local(p.server, &here), 0);
    CHECK(strcmp(there.host, p.path) == 0 && strcmp(here.host, p.path) == 0);
    CHECK_INT(bide_stream_local(p.client, &here), 0);
    CHECK_INT(bide_stream_peer(p.server, &there), 0);
    CHECK(!*here.host && !*there.host && there.family == BIDE_UNIX);
    bide_stream_close(p.client);
    CHECK_INT(bide_stream_peer(p.client, &there), BIDE_ECLOSED);
    end(&p);
}

/* -- the file ------------------------------------------------------------- */

static void
listens_with_mode(actor *a)
{
    place *p = a->arg;
    bide_unix_options o = {.mode = 0622, .backlog = 1};

    BEGIN(a);
    AWAIT_OK(a, bide_unix_listen(p->path, &o, &a->w));
    p->listener = a->w.value.as.ptr;
    CHECK_INT(mode_of(p->path), S_IFSOCK | 0622);
    o.mode = 010000;
    CHECK_INT(bide_unix_listen(p->path, &o, &a->w), BIDE_EINVALID);
    o.mode = -1;
    CHECK_INT(bide_unix_listen(p->path, &o, &a->w), BIDE_EINVALID);
    END(a);
}

static void
test_unix_file_has_the_mode_asked_for(void **state)
{
    (void)state;
    play(listens_with_mode);
}

static void
closes_listener(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 2; a->i++) {
        AWAIT_OK(a, bide_unix_listen(p->path, NULL, &a->w));
        CHECK(mode_of(p->path) != 0);
        if (a->i == 1) {
            /* The file is another one by now. */
            CHECK_INT(unlink(p->path), 0);
            make_file(p->path);
        }
        bide_listener_close(a->w.value.as.ptr);
        bide_listener_unref(a->w.value.as.ptr);
        CHECK_INT(mode_of(p->path) != 0, a->i);
    }
    END(a);
}

static void
test_unix_file_is_removed_on_close(void **state)
{
    (void)state;
    play(closes_listener);
}

static void
replaces(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    close(peer_bind(p->path));
    CHECK(mode_of(p->path) != 0);
    AWAIT(a, bide_unix_connect(p->path, &a->w));
    CHECK_INT(a->rc, -ECONNREFUSED);
    AWAIT_OK(a, bide_unix_listen(p->path, NULL, &a->w));
    p->listener = a->w.value.as.ptr;
    AWAIT_OK(a, bide_unix_connect(p->path, &a->w));
    p->client = a->w.value.as.ptr;
    END(a);
}

static void
test_unix_stale_file_is_replaced(void **state)
{
    (void)state;
    play(replaces);
}

static void
finds_the_path_taken(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    a->n = peer_bind(p->path);
    CHECK_INT(listen(a->n, 5), 0);
    AWAIT(a, bide_unix_listen(p->path, NULL, &a->w));
    CHECK_INT(a->rc, -EADDRINUSE);
    AWAIT_OK(a, bide_unix_connect(p->path, &a->w));
    p->client = a->w.value.as.ptr;
    close(a->n);
    CHECK_INT(unlink(p->path), 0);
    make_file(p->path);
    AWAIT(a, bide_unix_listen(p->path, NULL, &a->w));
    CHECK_INT(a->rc, -EADDRINUSE);
    CHECK(S_ISREG(mode_of(p->path)));
    END(a);
}

static void
test_unix_path_in_use_is_an_error(void **state)
{
    (void)state;
    play(finds_the_path_taken);
}

/* -- errors --------------------------------------------------------------- */

static void
finds_nobody(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    AWAIT(a, bide_unix_connect(p->path, &a->w));
    CHECK_INT(a->rc, -ENOENT);
    AWAIT(a, bide_unix_connect("@bide-nobody-is-here", &a->w));
    CHECK_INT(a->rc, -ECONNREFUSED);
    END(a);
}

static void
test_unix_nobody_there_is_an_error(void **state)
{
    (void)state;
    play(finds_nobody);
}

static void
gives_bad_paths(actor *a)
{
    place *p = a->arg;
    static char longest[110];

    BEGIN(a);
    CHECK_INT(bide_unix_connect("", &a->w), BIDE_EINVALID);
    CHECK_INT(bide_unix_listen("@", NULL, &a->w), BIDE_EINVALID);
    memset(longest, 'x', 108);
    CHECK_INT(bide_unix_connect(longest, &a->w), -ENAMETOOLONG);
    CHECK_INT(bide_unix_listen(longest, NULL, &a->w), -ENAMETOOLONG);
    *longest = '@'; /* 107 bytes of a name fit */
    AWAIT_OK(a, bide_unix_listen(longest, NULL, &a->w));
    bide_listener_unref(a->w.value.as.ptr);
    snprintf(longest, sizeof longest, "%s/none/socket", p->directory);
    AWAIT(a, bide_unix_listen(longest, NULL, &a->w));
    CHECK_INT(a->rc, -ENOENT);
    END(a);
}

static void
test_unix_bad_path_is_an_error(void **state)
{
    (void)state;
    play(gives_bad_paths);
}

/* -- a full backlog, cancelling ------------------------------------------- */

/* A listener nobody accepts from, and connections until there is no more
 * room. */
static void
fill(place *p)
{
    struct sockaddr_un to = address_of(p->path);
    p->fds[0] = peer_bind(p->path);
    CHECK_INT(listen(p->fds[0], 1), 0);
    for (int i = 1; i < 8; i++) {
        p->fds[i] =
            socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(p->fds[i], (struct sockaddr *)&to, size_of(p->path))) {
            CHECK_INT(errno, EAGAIN);
            close(p->fds[i]);
            p->fds[i] = 0;
            return;
        }
    }
    CHECK(!"the backlog has an end");
}

static void
empty(place *p)
{
    for (size_t i = 0; i < COUNT(p->fds); i++)
        if (p->fds[i])
            close(p->fds[i]);
}

static void
connects_to_the_busy(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    AWAIT(a, bide_unix_connect(p->path, &a->w));
    trace(a, "%s", bide_error_name(a->rc));
    if (a->rc == 0)
        p->client = a->w.value.as.ptr;
    END(a);
}

static void
makes_room(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + SECOND));
    CHECK_INT(p->wd.actors->next->over, 0);
    p->fds[15] = accept(p->fds[0], NULL, NULL);
    CHECK(p->fds[15] > 0);
    trace(a, "room");
    END(a);
}

static void
test_unix_connect_waits_for_a_full_backlog(void **state)
{
    (void)state;
    place p;
    begin(&p);
    fill(&p);
    actor_spawn(&p.wd, "a", connects_to_the_busy, &p);
    actor_spawn(&p.wd, "b", makes_room, &p);
    world_run(&p.wd);
    world_traced(&p.wd, "b:room a:OK");
    empty(&p);
    end(&p);
}

static void
test_unix_cancelled_connect_leaves_nothing(void **state)
{
    (void)state;
    place p;
    bide_loop_counts counts;
    begin(&p);
    fill(&p);
    actor *a = actor_spawn(&p.wd, "a", connects_to_the_busy, &p);
    cancel_later(&p.wd, a);
    world_run(&p.wd);
    world_traced(&p.wd, "a:ECANCELED");
    bide_loop_count(p.wd.loop, &counts);
    CHECK_INT(counts.io_waits + counts.timers + counts.handles, 0);
    empty(&p);
    end(&p);
}

static void
listens(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_unix_listen(p->path, NULL, &a->w));
    p->listener = a->w.value.as.ptr;
    END(a);
}

static void
accepts(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    AWAIT(a, bide_listener_accept(p->listener, &a->w));
    trace(a, "%s", bide_error_name(a->rc));
    if (a->rc == 0)
        p->server = a->w.value.as.ptr;
    END(a);
}

static void
test_unix_cancelled_accept_loses_no_connection(void **state)
{
    (void)state;
    place p;
    begin(&p);
    actor_spawn(&p.wd, "l", listens, &p);
    world_run(&p.wd);
    actor *a = actor_spawn(&p.wd, "a", accepts, &p);
    cancel_later(&p.wd, a);
    actor_spawn(&p.wd, "c", connects_to_the_busy, &p);
    world_run(&p.wd);
    actor_spawn(&p.wd, "b", accepts, &p);
    world_run(&p.wd);
    world_traced(&p.wd, "c:OK a:ECANCELED b:OK");
    end(&p);
}

/* -- memory --------------------------------------------------------------- */

static void
connects_to_itself(actor *a)
{
    place *p = a->arg;

    BEGIN(a);
    AWAIT(a, bide_unix_listen("@bide-without-memory", NULL, &a->w));
    if (a->rc == 0) {
        p->listener = a->w.value.as.ptr;
        AWAIT(a, bide_unix_connect("@bide-without-memory", &a->w));
    }
    if (a->rc == 0) {
        p->client = a->w.value.as.ptr;
        AWAIT(a, bide_listener_accept(p->listener, &a->w));
    }
    if (a->rc == 0)
        p->server = a->w.value.as.ptr;
    END(a);
}

static int
attempt(void)
{
    place p = {.path = "@bide-busy"};
    bide_loop_options o = {.virtual_clock = true};
    int rc = bide_loop_new(&o, &p.wd.loop);
    if (rc)
        return rc;
    fill(&p);
    actor *busy = actor_spawn(&p.wd, "a", connects_to_the_busy, &p);
    cancel_later(&p.wd, busy);
    actor *plain = actor_spawn(&p.wd, "b", connects_to_itself, &p);
    CHECK_INT(bide_loop_run(p.wd.loop, NULL), 0);
    CHECK(busy->rc == BIDE_ECANCELED || busy->rc == BIDE_ENOMEMORY);
    rc = busy->rc == BIDE_ENOMEMORY ? busy->rc : plain->rc;
    bide_stream_unref(p.client);
    bide_stream_unref(p.server);
    bide_listener_unref(p.listener);
    empty(&p);
    CHECK_INT(bide_loop_close(p.wd.loop, SECOND, NULL, NULL), 0);
    bide_loop_unref(p.wd.loop);
    while (p.wd.actors) {
        actor *a = p.wd.actors;
        p.wd.actors = a->next;
        free(a);
    }
    return rc;
}

static void
test_unix_without_memory(void **state)
{
    (void)state;
    sweep_memory(attempt);
}

TEST_MAIN("unix", T(unix_echo), T(unix_abstract_name),
          T(unix_addresses_are_told), T(unix_file_has_the_mode_asked_for),
          T(unix_file_is_removed_on_close), T(unix_stale_file_is_replaced),
          T(unix_path_in_use_is_an_error), T(unix_nobody_there_is_an_error),
          T(unix_bad_path_is_an_error),
          T(unix_connect_waits_for_a_full_backlog),
          T(unix_cancelled_connect_leaves_nothing),
          T(unix_cancelled_accept_loses_no_connection), T(unix_without_memory))
