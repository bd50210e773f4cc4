/* graceful_server.c - several listeners that end as one: the first SIGINT or
 * SIGTERM stops the accepting and gives the connections `DRAIN` to end, the
 * second cancels them.
 *
 *   graceful_server             stops itself, with connections open, and ends
 *   graceful_server PORT PORT   until it is told to stop
 *
 * The pattern: the connections' tasks lie in a scope. To drain is to close the
 * listeners and to give that scope a deadline; to force is to cancel it. */
#include "task.h"

#include <signal.h>

enum { LISTENERS = 2 };
static const int64_t DRAIN = 5000000000, DRAIN_IN_TEST = 50000000; /* ns */

typedef struct server {
    bide_loop *loop;
    bide_listener *listeners[LISTENERS];
    int ports[LISTENERS];
    bide_scope connections;
    bide_signal *signals;
    int64_t drain;
    int working; /* acceptors and connections */
    int served, cancelled;
} server;

/* The last of them lets the task that watches for signals end. */
static void
one_less(server *s)
{
    if (--s->working == 0)
        bide_signal_close(s->signals);
}

/* -- connections ---------------------------------------------------------- */

typedef struct connection {
    task task;
    server *server;
    bide_stream *stream;
} connection;

/* Reads a line, answers, until the client has left. */
static void
serve(task *t)
{
    connection *c = (connection *)t;

    BEGIN(t);
    for (;;) {
        AWAIT(t, bide_stream_read_until(c->stream, "\n", 1, 4096, &t->wait));
        if (t->status < 0)
            break;
        bide_stream_consume(c->stream, t->wait.u.io.len);
        AWAIT(t, bide_stream_write(c->stream, "ok\n", 3, &t->wait));
        if (t->status < 0)
            break;
        c->server->served++;
    }
    if (t->status == BIDE_ECANCELED)
        c->server->cancelled++;
    bide_stream_unref(c->stream);
    one_less(c->server);
    END(t);
}

typedef struct acceptor {
    task task;
    server *server;
    int number;
} acceptor;

static void
accept_all(task *t)
{
    acceptor *a = (acceptor *)t;
    server *s = a->server;

    BEGIN(t);
    for (;;) {
        AWAIT(t, bide_listener_accept(s->listeners[a->number], &t->wait));
        if (t->status < 0)
            break;
        bide_stream *stream = t->wait.value.as.ptr;
        connection *c =
            task_new(s->loop, &s->connections, "connection", sizeof *c, serve);
        c->stream = stream;
        c->server = s;
        s->working++;
    }
    if (t->status != BIDE_ECLOSED)
        fprintf(stderr, "accept: %s\n", bide_strerror(t->status));
    one_less(s);
    END(t);
}

/* -- the end -------------------------------------------------------------- */

static void
drain(server *s)
{
    for (int i = 0; i < LISTENERS; i++)
        bide_listener_close(s->listeners[i]);
    must(bide_scope_deadline(&s->connections,
                             bide_loop_now(s->loop, true) + s->drain),
         "deadline");
}

static void
watch_signals(task *t)
{
    server *s = ((acceptor *)t)->server;

    BEGIN(t);
    AWAIT(t, bide_signal_wait(s->signals, &t->wait));
    if (t->status == 0) {
        printf("signal %d: draining\n", (int)t->wait.value.as.integer);
        drain(s);
        AWAIT(t, bide_signal_wait(s->signals, &t->wait));
        if (t->status == 0)
            bide_scope_cancel(&s->connections, BIDE_NO_VALUE);
    }
    END(t);
}

/* -- the program ---------------------------------------------------------- */

static void
open_listeners(task *t)
{
    acceptor *a = (acceptor *)t;
    server *s = a->server;
    bide_address address;

    BEGIN(t);
    for (a->number = 0; a->number < LISTENERS; a->number++) {
        AWAIT(t, bide_tcp_listen("127.0.0.1", s->ports[a->number], NULL,
                                 &t->wait));
        must(t->status, "listen");
        s->listeners[a->number] = t->wait.value.as.ptr;
        must(bide_listener_address(t->wait.value.as.ptr, &address), "address");
        s->ports[a->number] = address.port;
        printf("listening on port %d\n", address.port);
    }
    fflush(stdout);
    END(t);
}

/* Two clients are connected when the signal comes: the one of the first
 * listener has all it wanted and leaves, the other stays for too long. */
typedef struct visit {
    task task;
    server *server;
    bide_stream *streams[LISTENERS];
    int i;
} visit;

static void
visit_both(task *t)
{
    visit *v = (visit *)t;

    BEGIN(t);
    for (v->i = 0; v->i < LISTENERS; v->i++) {
        AWAIT(t,
              bide_tcp_connect("127.0.0.1", v->server->ports[v->i], &t->wait));
        must(t->status, "connect");
        v->streams[v->i] = t->wait.value.as.ptr;
        AWAIT(t, bide_stream_write(v->streams[v->i], "hello\n", 6, &t->wait));
        AWAIT(t, bide_stream_read_exact(v->streams[v->i], 3, &t->wait));
        must(t->status, "the answer");
        bide_stream_consume(v->streams[v->i], 3);
    }
    raise(SIGTERM);
    bide_stream_unref(v->streams[0]);
    AWAIT(t, bide_stream_read(v->streams[1], 9, &t->wait)); /* until cut off */
    bide_stream_unref(v->streams[1]);
    END(t);
}

static void
start(server *s, const char *name, int number, void (*body)(task *))
{
    acceptor *a = task_new(s->loop, NULL, name, sizeof *a, body);
    a->server = s;
    a->number = number;
}

static void
run(server *s, bool testing)
{
    static const int signums[] = {SIGINT, SIGTERM};
    start(s, "opener", 0, open_listeners);
    must(bide_loop_run(s->loop, NULL), "listening");
    must(bide_signal_new(s->loop, signums, 2, &s->signals), "signals");
    for (int i = 0; i < LISTENERS; i++) {
        start(s, "acceptor", i, accept_all);
        s->working++;
    }
    start(s, "signals", 0, watch_signals);
    if (testing) {
        visit *v = task_new(s->loop, NULL, "visitor", sizeof *v, visit_both);
        v->server = s;
    }
    must(bide_loop_run(s->loop, NULL), "serving");
}

int
main(int argc, char **argv)
{
    bool testing = argc < 3;
    server s = {.drain = testing ? DRAIN_IN_TEST : DRAIN};

    for (int i = 0; i < LISTENERS && !testing; i++)
        s.ports[i] = atoi(argv[1 + i]);
    must(bide_loop_new(NULL, &s.loop), "loop");
    bide_scope_init(&s.connections);
    bide_scope_attach(&s.connections, bide_loop_root(s.loop));
    run(&s, testing);
    bide_scope_detach(&s.connections);
    bide_signal_unref(s.signals);
    for (int i = 0; i < LISTENERS; i++)
        bide_listener_unref(s.listeners[i]);
    must(bide_loop_close(s.loop, 0, NULL, NULL), "close");
    bide_loop_unref(s.loop);
    printf("%d served, %d cancelled\n", s.served, s.cancelled);
    return testing && (s.served != LISTENERS || s.cancelled != 1);
}
