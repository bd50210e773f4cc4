/* One end of TLS connections, as tls_peer.py tells. */
#include <string.h>

#include "../../examples/c/task.h"

static struct {
    const char *role, *directory, *version;
    int port;
    bool wait;
} args;

typedef struct peer {
    task base;
    bide_tls_context *context;
    bide_listener *listener;
    bide_stream *stream;
    char *session;
    size_t session_size;
    int i;
} peer;

static bide_tls_context *
make_context(bool server)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    char ca[256], cert[256], key[256], why[256];
    bide_tls_context *c;
    snprintf(ca, sizeof ca, "%s/ca.pem", args.directory);
    snprintf(cert, sizeof cert, "%s/%s.pem", args.directory, args.role);
    snprintf(key, sizeof key, "%s/%s.key", args.directory, args.role);
    int version = strcmp(args.version, "1.2") == 0 ? 0x0303 : 0x0304;
    bide_tls_config g = {
        .server = server,
        .verify = server ? BIDE_TLS_VERIFY_OPTIONAL : BIDE_TLS_VERIFY_DEFAULT,
        .ca_file = ca,
        .cert_file = cert,
        .key_file = key,
        .alpn = alpn,
        .min_version = version,
        .max_version = version,
    };
    must(bide_tls_context_new(&g, &c, why, sizeof why), why);
    return c;
}

/* The line that was granted, and what was agreed on; the line stays. */
static void
tell(const peer *p)
{
    bide_tls_info info;
    bide_tls_certificate *c;
    size_t len;
    const char *line = bide_stream_data(p->stream, &len);
    must(bide_tls_get_info(p->stream, &info), "info");
    must(bide_tls_peer(p->stream, &c), "peer");
    const char *name = c ? strstr(c->subject, "CN=") : NULL;
    size_t n = name ? strcspn(name + 3, ",") : 0;
    printf("%s %s %s %.*s %.*s\n", info.version, info.alpn,
           info.session_reused ? "resumed" : "new", (int)n,
           name ? name + 3 : "", (int)p->base.wait.u.io.len - 1, line);
    fflush(stdout);
    bide_tls_free(c);
}

static void
tell_end(const peer *p)
{
    int rc = p->base.status;
    const char *end = rc == BIDE_ETRUNCATED       ? "truncated"
                      : rc                        ? bide_strerror(rc)
                      : p->base.wait.u.io.len > 0 ? "more"
                                                  : "end";
    printf("%s\n", end);
    fflush(stdout);
}

static void
be_client(task *t)
{
    peer *p = (peer *)t;
    bide_stream *plain;

    BEGIN(t);
    p->context = make_context(false);
    for (p->i = 0; p->i < 2; p->i++) {
        AWAIT(t, bide_tcp_connect("127.0.0.1", args.port, &t->wait));
        must(t->status, "connect");
        plain = t->wait.value.as.ptr;
        must(bide_tls_start_client(plain, p->context, "localhost", p->session,
                                   p->session_size, &p->stream),
             "TLS");
        AWAIT(t, bide_stream_write(p->stream, "hello\n", 6, &t->wait));
        must(t->status, bide_tls_reason(p->stream));
        AWAIT(t, bide_stream_read_until(p->stream, "\n", 1, 99, &t->wait));
        must(t->status, "read");
        tell(p);
        bide_stream_consume(p->stream, t->wait.u.io.len);
        bide_tls_free(p->session);
        must(bide_tls_session(p->stream, &p->session, &p->session_size),
             "session");
        if (p->i == 1 && args.wait) {
            AWAIT(t, bide_stream_read(p->stream, 1, &t->wait));
            tell_end(p);
        }
        bide_stream_close(p->stream);
        bide_stream_unref(p->stream);
    }
    bide_tls_free(p->session);
    bide_tls_context_unref(p->context);
    END(t);
}

static void
be_server(task *t)
{
    peer *p = (peer *)t;
    bide_address address;
    size_t len;

    BEGIN(t);
    p->context = make_context(true);
    AWAIT(t, bide_tcp_listen("127.0.0.1", 0, NULL, &t->wait));
    must(t->status, "listen");
    p->listener = t->wait.value.as.ptr;
    must(bide_tls_serve(p->listener, p->context), "serve");
    must(bide_listener_address(p->listener, &address), "address");
    printf("port %d\n", address.port);
    fflush(stdout);
    for (p->i = 0; p->i < 2; p->i++) {
        AWAIT(t, bide_listener_accept(p->listener, &t->wait));
        must(t->status, "accept");
        p->stream = t->wait.value.as.ptr;
        AWAIT(t, bide_stream_read_until(p->stream, "\n", 1, 99, &t->wait));
        must(t->status, bide_tls_reason(p->stream));
        tell(p);
        AWAIT(t, bide_stream_write(p->stream, bide_stream_data(p->stream, &len),
                                   t->wait.u.io.len, &t->wait));
        must(t->status, "write");
        bide_stream_consume(p->stream, (size_t)t->wait.u.io.done);
        AWAIT(t, bide_stream_read(p->stream, 1, &t->wait));
        tell_end(p);
        bide_stream_unref(p->stream);
    }
    bide_listener_unref(p->listener);
    bide_tls_context_unref(p->context);
    END(t);
}

int
main(int argc, char **argv)
{
    bide_loop *loop;
    if (argc < 4)
        return 2;
    args.role = argv[1];
    args.directory = argv[2];
    args.version = argv[3];
    args.port = argc > 4 ? atoi(argv[4]) : 0;
    args.wait = argc > 5;
    must(bide_loop_new(NULL, &loop), "loop");
    task_new(loop, NULL, args.role, sizeof(peer),
             strcmp(args.role, "client") == 0 ? be_client : be_server);
    must(bide_loop_run(loop, NULL), "run");
    must(bide_loop_close(loop, 0, NULL, NULL), "close");
    bide_loop_unref(loop);
    return 0;
}
