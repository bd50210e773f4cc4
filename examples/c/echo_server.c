/* echo_server.c - sends back what it is sent, a task for each connection.
 *
 *   echo_server         serves itself some connections, and ends
 *   echo_server PORT    serves until it is interrupted
 */
#include "task.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { CLIENTS = 50, MESSAGES = 20 };

typedef struct server {
    bide_loop *loop;
    bide_listener *listener;
    bide_scope connections; /* cancels them all at the end */
    int port;
    int clients_left, echoes;
} server;

/* -- one connection ---------------------------------------------------------
 */

typedef struct connection {
    task task;
    bide_stream *stream;
    char *copy;
    size_t size;
} connection;

/* The bytes that a read grants stay put until the task parks, and a write
 * borrows its bytes until it is over: so they are copied. */
static void
copy_granted(connection *c)
{
    size_t there;
    const char *data = bide_stream_data(c->stream, &there);
    c->size = c->task.wait.u.io.len;
    memcpy(c->copy, data, c->size);
    bide_stream_consume(c->stream, c->size);
}

static void
echo(task *t)
{
    connection *c = (connection *)t;

    BEGIN(t);
    c->copy = malloc(65536);
    must(c->copy ? 0 : BIDE_ENOMEMORY, "echo");
    for (;;) {
        AWAIT(t, bide_stream_read(c->stream, 65536, &t->wait));
        if (t->status < 0 || t->wait.u.io.len == 0)
            break;
        copy_granted(c);
        AWAIT(t, bide_stream_write(c->stream, c->copy, c->size, &t->wait));
        if (t->status < 0)
            break;
    }
    bide_stream_unref(c->stream);
    free(c->copy);
    END(t);
}

/* -- the listener ------------------------------------------------------------
 */

typedef struct acceptor {
    task task;
    server *server;
} acceptor;

static void
accept_all(task *t)
{
    server *s = ((acceptor *)t)->server;

    BEGIN(t);
    for (;;) {
        AWAIT(t, bide_listener_accept(s->listener, &t->wait));
        if (t->status == BIDE_ECLOSED || t->status == BIDE_ECANCELED)
            break;
        if (t->status < 0) { /* out of descriptors: the others go on */
            fprintf(stderr, "accept: %s\n", bide_strerror(t->status));
            AWAIT(t, bide_sleep_until(&t->wait,
                                      bide_loop_now(s->loop, true) + 10000000));
            continue;
        }
        bide_stream *stream = t->wait.value.as.ptr;
        connection *c =
            task_new(s->loop, &s->connections, "connection", sizeof *c, echo);
        c->stream = stream;
    }
    END(t);
}

static void
open_listener(task *t)
{
    server *s = ((acceptor *)t)->server;
    bide_address address;

    BEGIN(t);
    AWAIT(t, bide_tcp_listen("127.0.0.1", s->port, NULL, &t->wait));
    must(t->status, "listen");
    s->listener = t->wait.value.as.ptr;
    must(bide_listener_address(s->listener, &address), "address");
    s->port = address.port;
    printf("echo server on %s port %d\n", address.host, address.port);
    fflush(stdout);
    END(t);
}

/* -- a client, of the program's own --------------------------------------- */

typedef struct client {
    task task;
    server *server;
    bide_stream *stream;
    int i;
} client;

static const char line[] = "as the echo answers\n";

static void
talk(task *t)
{
    client *c = (client *)t;
    server *s = c->server;
    size_t there;

    BEGIN(t);
    AWAIT(t, bide_tcp_connect("127.0.0.1", s->port, &t->wait));
    must(t->status, "connect");
    c->stream = t->wait.value.as.ptr;
    for (c->i = 0; c->i < MESSAGES; c->i++) {
        AWAIT(t, bide_stream_write(c->stream, line, sizeof line - 1, &t->wait));
        must(t->status, "write");
        AWAIT(t, bide_stream_read_until(c->stream, "\n", 1, 100, &t->wait));
        must(t->status, "read");
        if (memcmp(bide_stream_data(c->stream, &there), line, sizeof line - 1))
            must(BIDE_EINVALID, "the echo");
        bide_stream_consume(c->stream, t->wait.u.io.len);
        s->echoes++;
    }
    bide_stream_unref(c->stream);
    if (--s->clients_left == 0)
        bide_listener_close(s->listener);
    END(t);
}

/* -- the program ---------------------------------------------------------- */

static volatile sig_atomic_t interrupted;
static int wake_fd;

/* All that a signal handler may do: note it, and wake the loop from its poll.
 * If the byte does not fit, others are there that wake it too. */
static void
on_signal(int number)
{
    interrupted = number;
    if (write(wake_fd, "", 1) < 0)
        return;
}

/* The host's hook after each poll; other than 0 ends the run. */
static int
look_for_signals(void *ctx)
{
    (void)ctx;
    return interrupted ? BIDE_EHOST : 0;
}

static void
start(server *s, void (*body)(task *))
{
    acceptor *a = task_new(s->loop, NULL, "acceptor", sizeof *a, body);
    a->server = s;
}

static void
start_clients(server *s)
{
    s->clients_left = CLIENTS;
    for (int i = 0; i < CLIENTS; i++) {
        client *c = task_new(s->loop, NULL, "client", sizeof *c, talk);
        c->server = s;
    }
}

int
main(int argc, char **argv)
{
    bool testing = argc < 2;
    server s = {.port = testing ? 0 : atoi(argv[1])};
    bide_loop_options options = {.host.tick = look_for_signals};

    must(bide_loop_new(&options, &s.loop), "loop");
    bide_scope_init(&s.connections);
    bide_scope_attach(&s.connections, bide_loop_root(s.loop));
    wake_fd = bide_loop_wake_fd(s.loop);
    must(wake_fd, "wake descriptor");
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);

    start(&s, open_listener);
    must(bide_loop_run(s.loop, NULL), "listening");
    start(&s, accept_all);
    if (testing)
        start_clients(&s);
    int rc = bide_loop_run(s.loop, NULL);

    /* Interrupted: every task is cancelled, and cleans up after itself. */
    interrupted = 0;
    bide_scope_cancel(bide_loop_root(s.loop), BIDE_NO_VALUE);
    must(bide_loop_run(s.loop, NULL), "cleanup");
    bide_scope_detach(&s.connections);
    bide_listener_unref(s.listener);
    must(bide_loop_close(s.loop, 0, NULL, NULL), "close");
    bide_loop_unref(s.loop);
    if (testing)
        printf("%d echoes\n", s.echoes);
    if (testing && s.echoes != CLIENTS * MESSAGES)
        return 1;
    return rc == 0 || rc == BIDE_EHOST ? 0 : 1;
}
