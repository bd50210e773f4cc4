/* echo_bide - bide's streams from C: a task per connection. Prints its port. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bide.h>

enum { READ_MAX = 65536 };

typedef struct connection {
    bide_task task;
    bide_wait wait;
    bide_stream *stream;
    /* What is being written: the stream's own buffer may move meanwhile. An
     * idle connection holds none. */
    char *out;
    enum { STARTED, READING, WRITING } at;
} connection;

typedef struct server {
    bide_task task;
    bide_wait wait;
    bide_listener *listener;
    enum { NEW, LISTENING, ACCEPTING } at;
} server;

static void
check(int status, const char *what)
{
    if (status >= 0)
        return;
    fprintf(stderr, "echo_bide: %s: %s\n", what, bide_strerror(status));
    exit(1);
}

static void
connection_end(connection *c)
{
    bide_task_finish(&c->task);
    bide_stream_unref(c->stream);
    free(c->out);
    free(c);
}

/** Takes what was read, at least a byte, out of the stream into `out`. */
static size_t
connection_fill(connection *c)
{
    size_t held, len = c->wait.u.io.len;
    c->out = malloc(len);
    if (!c->out)
        check(BIDE_ENOMEMORY, "connection");
    memcpy(c->out, bide_stream_data(c->stream, &held), len);
    bide_stream_consume(c->stream, len);
    return len;
}

/** Reads and writes in turn for as long as it need not park. */
static void
connection_resume(bide_task *t)
{
    connection *c = t->host;
    int status = c->at == STARTED ? 0 : bide_wait_take(&c->wait);
    while (status == 0) {
        if (c->at == READING && c->wait.u.io.len == 0)
            break;
        if (c->at == READING) {
            size_t len = connection_fill(c);
            c->at = WRITING;
            status = bide_stream_write(c->stream, c->out, len, &c->wait);
        } else {
            free(c->out);
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
    check(bide_tcp_nodelay(s, true), "nodelay");
    check(bide_task_start(&c->task, l, NULL, NULL), "connection");
}

static void
server_listening(server *s)
{
    bide_address a;
    s->listener = s->wait.value.as.ptr;
    check(bide_listener_address(s->listener, &a), "address");
    printf("%d\n", a.port);
    fflush(stdout);
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
            s->at = LISTENING;
            status = bide_tcp_listen("127.0.0.1", 0, NULL, &s->wait);
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

int
main(void)
{
    bide_loop *l;
    server s = {.at = NEW};
    check(bide_loop_new(NULL, &l), "loop");
    bide_wait_init(&s.wait, &s.task);
    bide_task_init(&s.task, server_resume);
    s.task.host = &s;
    check(bide_task_start(&s.task, l, NULL, NULL), "start");
    check(bide_loop_run(l, NULL), "run");
    return 0;
}
