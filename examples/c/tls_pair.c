/* tls_pair.c - two ends of a connection with TLS in one program, with a
 * certificate made for the occasion by the openssl program.
 */
#include "task.h"

#include <string.h>
#include <unistd.h>

static char certificate[] = "/tmp/bide-tls-XXXXXX";

/* A certificate for localhost that is its own authority, with its key, in one
 * file. */
static void
make_certificate(void)
{
    char command[512];
    int fd = mkstemp(certificate);
    must(fd < 0 ? BIDE_EINVALID : 0, "temporary file");
    close(fd);
    snprintf(command, sizeof command,
             "openssl req -x509 -nodes -days 1 -newkey rsa:2048 "
             "-subj /CN=localhost -addext subjectAltName=DNS:localhost "
             "-keyout %s.key -out %s 2>/dev/null && cat %s.key >>%s && "
             "rm %s.key",
             certificate, certificate, certificate, certificate, certificate);
    must(system(command) == 0 ? 0 : BIDE_EINVALID, "openssl");
}

static bide_tls_context *
make_context(const bide_tls_config *config)
{
    bide_tls_context *context;
    char why[200] = "";
    int rc = bide_tls_context_new(config, &context, why, sizeof why);
    must(rc, *why ? why : "context");
    return context;
}

typedef struct end {
    task task;
    bide_stream *stream;
    char *answer;
} end;

/* Waits for a line, says so and goes. */
static void
serve(task *t)
{
    end *e = (end *)t;
    size_t there;

    BEGIN(t);
    AWAIT(t, bide_stream_read_until(e->stream, "\n", 1, 100, &t->wait));
    must(t->status, "read");
    printf("server: %.*s", (int)t->wait.u.io.len,
           bide_stream_data(e->stream, &there));
    bide_stream_consume(e->stream, t->wait.u.io.len);
    AWAIT(t, bide_stream_write(e->stream, "thank you\n", 10, &t->wait));
    must(t->status, "write");
    AWAIT(t, bide_stream_shutdown(e->stream, &t->wait));
    bide_stream_unref(e->stream);
    END(t);
}

static void
ask(task *t)
{
    end *e = (end *)t;
    bide_tls_info info;
    size_t there;

    BEGIN(t);
    AWAIT(t, bide_tls_handshake(e->stream, &t->wait));
    if (t->status < 0)
        must(t->status, bide_tls_reason(e->stream));
    must(bide_tls_get_info(e->stream, &info), "info");
    printf("client: %s, %s\n", info.version, info.cipher);
    AWAIT(t, bide_stream_write(e->stream, "hello\n", 6, &t->wait));
    must(t->status, "write");
    AWAIT(t, bide_stream_read_until(e->stream, "\n", 1, 100, &t->wait));
    must(t->status, "read");
    printf("client: %.*s", (int)t->wait.u.io.len,
           bide_stream_data(e->stream, &there));
    bide_stream_unref(e->stream);
    END(t);
}

static void
start(bide_loop *loop, const char *name, void (*body)(task *), bide_stream *s)
{
    end *e = task_new(loop, NULL, name, sizeof *e, body);
    e->stream = s;
}

int
main(void)
{
    bide_loop *loop;
    bide_stream *plain[2], *client, *server;

    make_certificate();
    bide_tls_context *ours = make_context(&(bide_tls_config){
        .server = true, .cert_file = certificate, .key_file = certificate});
    bide_tls_context *theirs =
        make_context(&(bide_tls_config){.ca_file = certificate});
    unlink(certificate);

    must(bide_loop_new(NULL, &loop), "loop");
    must(bide_stream_pair(loop, plain), "pair");
    must(bide_tls_start_server(plain[0], ours, &server), "server");
    must(bide_tls_start_client(plain[1], theirs, "localhost", NULL, 0, &client),
         "client");
    start(loop, "server", serve, server);
    start(loop, "client", ask, client);
    must(bide_loop_run(loop, NULL), "run");

    bide_tls_context_unref(ours);
    bide_tls_context_unref(theirs);
    must(bide_loop_close(loop, 0, NULL, NULL), "close");
    bide_loop_unref(loop);
    return 0;
}
