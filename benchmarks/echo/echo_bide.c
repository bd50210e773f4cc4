/* echo_bide - bide's streams from C, a task per connection, and its datagrams.
 * Prints its port.
 *
 *   echo_bide [tcp | unix PATH | tls PEM | udp] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bide.h>

enum { READ_MAX = 65536 };

/** Memory for what is read at once; freed ones are kept. */
typedef union block {
    union block *next;
    char bytes[READ_MAX];
} block;

static block *blocks;

typedef struct connection {
    bide_task task;
    bide_wait wait;
    bide_stream *stream;
    /* What could not be written at once: the stream's own buffer may move
     * while that waits. An idle connection holds none. */
    block *out;
    enum { STARTED, READING, WRITING } at;
} connection;

typedef struct server {
    bide_task task;
    bide_wait wait;
    const char *kind, *argument;
    bide_listener *listener;
    enum { NEW, LISTENING, ACCEPTING } at;
} server;

typedef struct datagrams {
    bide_task task;
    bide_wait wait;
    bide_udp *socket;
    bide_datagram *held; /* being sent back */
} datagrams;

enum { DATAGRAMS = 64 }; /* at most, at once */

static void
check(int status, const char *what)
{
    if (status >= 0)
        return;
    fprintf(stderr, "echo_bide: %s: %s\n", what, bide_strerror(status));
    exit(1);
}

static block *
block_take(void)
{
    block *b = blocks;
    if (b)
        blocks = b->next;
    else
        b = malloc(sizeof *b);
    if (!b)
        check(BIDE_ENOMEMORY, "connection");
    return b;
}

static void
block_give(block *b)
{
    if (!b)
        return;
    b->next = blocks;
    blocks = b;
}

static void
connection_end(connection *c)
{
    bide_task_finish(&c->task);
    bide_stream_unref(c->stream);
    block_give(c->out);
    free(c);
}

/** The last `n` bytes of what was read are written from a block. */
static int
connection_write(connection *c, const char *rest, size_t n)
{
    c->out = block_take();
    memcpy(c->out->bytes, rest, n);
    bide_stream_consume(c->stream, c->wait.u.io.len);
    return bide_stream_write(c->stream, c->out->bytes, n, &c->wait);
}

/** Writes what was read, at least a byte, from where it lies: as much as the
 * system takes at once, which is all unless the peer is slow. */
static int
connection_echo(connection *c)
{
    size_t held, done, len = c->wait.u.io.len;
    const char *data = bide_stream_data(c->stream, &held);
    bide_buffer all = {data, len};
    int status = bide_stream_try_write(c->stream, &all, 1, &done);
    if (status && status != BIDE_EWOULDBLOCK)
        return status;
    if (done < len)
        return connection_write(c, data + done, len - done);
    bide_stream_consume(c->stream, len);
    return 0;
}

/** Reads and writes in turn for as long as it need not park. */
static void
connection_resume(bide_task *t)
{
    connection *c = t->host;
    int status = c->at == STARTED ? 0 : bide_wait_take(&c->wait);
    while (status == 0) {
        if (c->at == READING) {
            c->at = WRITING;
            if (c->wait.u.io.len == 0)
                break;
            status = connection_echo(c);
        } else {
            block_give(c->out);
            c->out = NULL;
            c->at = READING;
            status = bide_stream_read(c->stream, READ_MAX, &c->wait);
        }
    }
    if (status != BIDE_PARKED)
        connection_end(c);
}

static void
connection_start(bide_loop *l, bide_stream *s)
{
    connection *c = calloc(1, sizeof *c);
    if (!c)
        check(BIDE_ENOMEMORY, "connection");
    c->stream = s;
    bide_wait_init(&c->wait, &c->task);
    bide_task_init(&c->task, connection_resume);
    c->task.host = c;
    bide_tcp_nodelay(s, true); /* a Unix socket has none to set */
    check(bide_task_start(&c->task, l, NULL, NULL), "connection");
}

static int
server_listen(server *s)
{
    s->at = LISTENING;
    if (strcmp(s->kind, "unix") == 0)
        return bide_unix_listen(s->argument, NULL, &s->wait);
    return bide_tcp_listen("127.0.0.1", 0, NULL, &s->wait);
}

static void
announce(int port)
{
    printf("%d\n", port);
    fflush(stdout);
}

static void
server_listening(server *s)
{
    bide_address a = {.port = 0};
    s->listener = s->wait.value.as.ptr;
    if (strcmp(s->kind, "tls") == 0) {
        bide_tls_config config = {.server = true, .cert_file = s->argument};
        bide_tls_context *c;
        check(bide_tls_context_new(&config, &c, NULL, 0), "certificate");
        check(bide_tls_serve(s->listener, c), "tls");
        bide_tls_context_unref(c);
    }
    if (strcmp(s->kind, "unix") != 0)
        check(bide_listener_address(s->listener, &a), "address");
    announce(a.port);
}

static void
server_resume(bide_task *t)
{
    server *s = t->host;
    int status = 0;
    if (s->at != NEW)
        status = bide_wait_take(&s->wait);
    while (status == 0) {
        if (s->at == NEW) {
            status = server_listen(s);
            continue;
        }
        if (s->at == LISTENING)
            server_listening(s);
        else
            connection_start(t->loop, s->wait.value.as.ptr);
        s->at = ACCEPTING;
        status = bide_listener_accept(s->listener, &s->wait);
    }
    check(status, "server");
}

/** Sends back what has come, all at once. */
static int
datagrams_send(datagrams *d)
{
    bide_message list[DATAGRAMS];
    size_t count = 0;
    d->held = d->wait.value.as.ptr;
    for (bide_datagram *g = d->held; g; g = g->next)
        list[count++] =
            (bide_message){.data = g->data, .len = g->len, .to = &g->from};
    return bide_udp_send_many(d->socket, list, count, &d->wait);
}

static void
datagrams_resume(bide_task *t)
{
    datagrams *d = t->host;
    bide_address a;
    int status = d->socket ? bide_wait_take(&d->wait)
                           : bide_udp_bind("127.0.0.1", 0, NULL, &d->wait);
    if (!d->socket && status == 0) {
        d->socket = d->wait.value.as.ptr;
        check(bide_udp_local(d->socket, &a), "address");
        announce(a.port);
        status = bide_udp_recv_many(d->socket, DATAGRAMS, &d->wait);
    }
    while (status == 0) {
        if (d->held) {
            bide_udp_free(d->socket, d->held);
            d->held = NULL;
            status = bide_udp_recv_many(d->socket, DATAGRAMS, &d->wait);
        } else {
            status = datagrams_send(d);
        }
    }
    check(status, "datagrams");
}

int
main(int argc, char **argv)
{
    bide_loop *l;
    server s = {.kind = argc > 1 ? argv[1] : "tcp",
                .argument = argc > 2 ? argv[2] : NULL,
                .at = NEW};
    datagrams d = {.socket = NULL};
    bool udp = strcmp(s.kind, "udp") == 0;
    bide_task *first = udp ? &d.task : &s.task;
    check(bide_loop_new(NULL, &l), "loop");
    bide_task_init(first, udp ? datagrams_resume : server_resume);
    bide_wait_init(udp ? &d.wait : &s.wait, first);
    first->host = udp ? (void *)&d : &s;
    check(bide_task_start(first, l, NULL, NULL), "start");
    check(bide_loop_run(l, NULL), "run");
    return 0;
}
