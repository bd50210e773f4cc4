/* echo_client.c - many clients at once against an echo server, with a time
 * limit for all of them together.
 *
 *   echo_client HOST PORT   against a server that runs there (echo_server)
 *   echo_client             against one of its own
 */
#include "task.h"

#include <string.h>

enum { CLIENTS = 50, ROUNDS = 20, MESSAGE = 64 };
enum { SECOND = 1000 * 1000 * 1000 };

typedef struct program {
    bide_loop *loop;
    const char *host;
    int port;
    bide_listener *listener; /* of the program's own server, or NULL */
    bide_scope clients;      /* a group, with a deadline */
    int clients_left, round_trips;
} program;

/* -- a client ------------------------------------------------------------- */

typedef struct client {
    task task;
    program *program;
    bide_stream *stream;
    int number, round, size;
    char message[MESSAGE]; /* a write borrows it until it is over */
} client;

static void
compose(client *c)
{
    c->size = snprintf(c->message, sizeof c->message, "client %d, message %d\n",
                       c->number, c->round);
}

/* Compares what the read granted, and takes it off the stream. */
static bool
echo_is_right(client *c)
{
    size_t there;
    const char *data = bide_stream_data(c->stream, &there);
    bool right = memcmp(data, c->message, (size_t)c->size) == 0;
    bide_stream_consume(c->stream, (size_t)c->size);
    return right;
}

/* An error ends the client; whatever the error, its stream is closed. */
static void
talk(task *t)
{
    client *c = (client *)t;
    program *p = c->program;

    BEGIN(t);
    AWAIT(t, bide_tcp_connect(p->host, p->port, &t->wait));
    if (t->status == 0)
        c->stream = t->wait.value.as.ptr;
    while (t->status == 0 && c->round < ROUNDS) {
        compose(c);
        AWAIT(t, bide_stream_write(c->stream, c->message, (size_t)c->size,
                                   &t->wait));
        if (t->status < 0)
            break;
        AWAIT(t, bide_stream_read_exact(c->stream, (size_t)c->size, &t->wait));
        if (t->status < 0)
            break;
        must(echo_is_right(c) ? 0 : BIDE_EINVALID, "the echo");
        c->round++;
        p->round_trips++;
    }
    if (t->status < 0)
        fprintf(stderr, "client %d: %s\n", c->number, bide_strerror(t->status));
    bide_stream_unref(c->stream);
    if (--p->clients_left == 0 && p->listener)
        bide_listener_close(p->listener); /* the server ends, too */
    END(t);
}

static void
start_clients(program *p)
{
    int64_t deadline = bide_loop_now(p->loop, true) + 30 * (int64_t)SECOND;

    bide_scope_init(&p->clients);
    bide_scope_attach(&p->clients, bide_loop_root(p->loop));
    must(bide_scope_deadline(&p->clients, deadline), "deadline");
    p->clients_left = CLIENTS;
    for (int i = 0; i < CLIENTS; i++) {
        client *c = task_new(p->loop, &p->clients, "client", sizeof *c, talk);
        c->program = p;
        c->number = i;
    }
}

/* -- a server of its own: small, for lines only --------------------------- */

typedef struct connection {
    task task;
    bide_stream *stream;
    char line[MESSAGE];
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
    memcpy(c->line, data, c->size);
    bide_stream_consume(c->stream, c->size);
}

static void
echo_lines(task *t)
{
    connection *c = (connection *)t;

    BEGIN(t);
    for (;;) {
        AWAIT(t, bide_stream_read_until(c->stream, "\n", 1, MESSAGE, &t->wait));
        if (t->status < 0)
            break;
        copy_granted(c);
        AWAIT(t, bide_stream_write(c->stream, c->line, c->size, &t->wait));
        if (t->status < 0)
            break;
    }
    bide_stream_unref(c->stream);
    END(t);
}

typedef struct server {
    task task;
    program *program;
} server;

static void
serve(task *t)
{
    program *p = ((server *)t)->program;

    BEGIN(t);
    for (;;) {
        AWAIT(t, bide_listener_accept(p->listener, &t->wait));
        if (t->status == BIDE_ECLOSED)
            break;
        must(t->status, "accept");
        bide_stream *stream = t->wait.value.as.ptr;
        connection *c =
            task_new(p->loop, NULL, "connection", sizeof *c, echo_lines);
        c->stream = stream;
    }
    END(t);
}

static void
open_listener(task *t)
{
    program *p = ((server *)t)->program;
    bide_address address;

    BEGIN(t);
    AWAIT(t, bide_tcp_listen(p->host, 0, NULL, &t->wait));
    must(t->status, "listen");
    p->listener = t->wait.value.as.ptr;
    must(bide_listener_address(p->listener, &address), "address");
    p->port = address.port;
    END(t);
}

static void
start_server(program *p)
{
    server *s = task_new(p->loop, NULL, "listen", sizeof *s, open_listener);
    s->program = p;
    must(bide_loop_run(p->loop, NULL), "listening");
    s = task_new(p->loop, NULL, "server", sizeof *s, serve);
    s->program = p;
}

/* -- the program ---------------------------------------------------------- */

int
main(int argc, char **argv)
{
    program p = {.host = "127.0.0.1"};

    must(bide_loop_new(NULL, &p.loop), "loop");
    if (argc == 3) {
        p.host = argv[1];
        p.port = atoi(argv[2]);
    } else {
        start_server(&p);
    }
    start_clients(&p);
    must(bide_loop_run(p.loop, NULL), "run");

    bide_scope_detach(&p.clients);
    bide_listener_unref(p.listener);
    must(bide_loop_close(p.loop, 0, NULL, NULL), "close");
    bide_loop_unref(p.loop);
    printf("%d clients, %d round trips\n", CLIENTS, p.round_trips);
    return p.round_trips == CLIENTS * ROUNDS ? 0 : 1;
}
