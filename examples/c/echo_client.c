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
    int round_trips;
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
    c->size = snprintf(c->message, sizeof c->message,
                       "client %d, message %d\n", c->number, c->round);
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
        AWAIT(t,
              bide_stream_read_exact(c->stream, (size_t)c->size, &t->wait));
        if (t->status < 0)
            break;
        must(echo_is_right(c) ? 0 : BIDE_EINVALID, "the echo");
        c->round++;
        p->round_trips++;
    }
    if (t->status < 0)
        fprintf(stderr, "client %d: %s\n", c->number,
                bide_strerror(t->status));
    bide_stream_unref(c->stream);
    END(t);
}

static void
start_clients(program *p)
{
    int64_t deadline = bide_loop_now(p->loop, true) + 30 * (int64_t)SECOND;

    bide_scope_init(&p->clients);
    bide_scope_attach(&p->clients, bide_loop_root(p->loop));
    must(bide_scope_deadline(&p->clients, deadline), "deadline");
    for (int i = 0; i < CLIENTS; i++) {
        client *c =
            task_new(p->loop, &p->clients, "client", sizeof *c, talk);
        c->program = p;
        c->number = i;
    }
}

/* -- a server of its own, as small as one can be -------------------------- */

typedef struct server {
    task task;
    program *program;
    bide_stream *stream;
    size_t size;
} server;

/* The bytes that a read granted are not copied: nobody else reads from this
 * stream, and only consume gives them up. */
static void
echo(task *t)
{
    server *s = (server *)t;
    size_t there;

    BEGIN(t);
    for (;;) {
        AWAIT(t, bide_stream_read_until(s->stream, "\n", 1, MESSAGE, &t->wait));
        if (t->status < 0)
            break;
        s->size = t->wait.u.io.len;
        AWAIT(t, bide_stream_write(s->stream,
                                   bide_stream_data(s->stream, &there), s->size,
                                   &t->wait));
        if (t->status < 0)
            break;
        bide_stream_consume(s->stream, s->size);
    }
    bide_stream_unref(s->stream);
    END(t);
}
