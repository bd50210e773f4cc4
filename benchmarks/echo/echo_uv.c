/* echo_uv - the limit: what libuv does with nothing on top of it.
 *
 * One read buffer for all connections, uv_try_write straight from it, and a
 * uv_write of the rest only when the socket is full; reading pauses until that
 * one is out. Prints its port.
 *
 *   echo_uv [tcp | unix PATH | udp]                 (libuv has no TLS) */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

static char inbound[65536];

/** The unsent rest of a message. */
typedef struct rest {
    uv_write_t request;
    char data[];
} rest;

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer);

static void
check(int status, const char *what)
{
    if (status >= 0)
        return;
    fprintf(stderr, "echo_uv: %s: %s\n", what, uv_strerror(status));
    exit(1);
}

static void
on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buffer)
{
    (void)handle, (void)hint;
    *buffer = uv_buf_init(inbound, sizeof inbound);
}

static void
on_close(uv_handle_t *handle)
{
    free(handle);
}

static void
on_written(uv_write_t *request, int status)
{
    uv_stream_t *stream = request->handle;
    free(request);
    if (uv_is_closing((uv_handle_t *)stream))
        return;
    if (status < 0)
        uv_close((uv_handle_t *)stream, on_close);
    else
        uv_read_start(stream, on_alloc, on_read);
}

static void
write_rest(uv_stream_t *stream, const char *data, size_t len)
{
    rest *r = malloc(sizeof *r + len);
    if (!r)
        check(UV_ENOMEM, "write");
    memcpy(r->data, data, len);
    uv_buf_t buffer = uv_buf_init(r->data, (unsigned)len);
    uv_read_stop(stream);
    check(uv_write(&r->request, stream, &buffer, 1, on_written), "write");
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    if (n == 0)
        return;
    if (n < 0) {
        uv_close((uv_handle_t *)stream, on_close);
        return;
    }
    uv_buf_t out = uv_buf_init(buffer->base, (unsigned)n);
    int done = uv_try_write(stream, &out, 1);
    if (done == UV_EAGAIN)
        done = 0;
    if (done < 0)
        uv_close((uv_handle_t *)stream, on_close);
    else if (done < n)
        write_rest(stream, buffer->base + done, (size_t)(n - done));
}

static uv_stream_t *
new_stream(uv_loop_t *loop, bool pipe)
{
    void *s = malloc(pipe ? sizeof(uv_pipe_t) : sizeof(uv_tcp_t));
    if (!s)
        check(UV_ENOMEM, "connection");
    check(pipe ? uv_pipe_init(loop, s, 0) : uv_tcp_init(loop, s), "init");
    return s;
}

static void
on_connection(uv_stream_t *server, int status)
{
    check(status, "connection");
    bool pipe = server->type == UV_NAMED_PIPE;
    uv_stream_t *client = new_stream(server->loop, pipe);
    check(uv_accept(server, client), "accept");
    if (!pipe)
        check(uv_tcp_nodelay((uv_tcp_t *)client, 1), "nodelay");
    check(uv_read_start(client, on_alloc, on_read), "read");
}

static void
on_datagram(uv_udp_t *socket, ssize_t n, const uv_buf_t *buffer,
            const struct sockaddr *from, unsigned flags)
{
    (void)flags;
    if (n < 0 || !from)
        return;
    uv_buf_t out = uv_buf_init(buffer->base, (unsigned)n);
    uv_udp_try_send(socket, &out, 1, from); /* if full, it is lost */
}

static void
announce(const struct sockaddr_in *address)
{
    printf("%d\n", address ? ntohs(address->sin_port) : 0);
    fflush(stdout);
}

static void
serve_datagrams(uv_loop_t *loop, struct sockaddr_in *address)
{
    static uv_udp_t server;
    int len = sizeof *address;
    check(uv_udp_init(loop, &server), "udp");
    check(uv_udp_bind(&server, (const struct sockaddr *)address, 0), "bind");
    check(uv_udp_recv_start(&server, on_alloc, on_datagram), "receive");
    check(uv_udp_getsockname(&server, (struct sockaddr *)address, &len),
          "getsockname");
    announce(address);
}

static void
serve_tcp(uv_loop_t *loop, struct sockaddr_in *address)
{
    uv_stream_t *server = new_stream(loop, false);
    uv_tcp_t *tcp = (uv_tcp_t *)server;
    int len = sizeof *address;
    check(uv_tcp_bind(tcp, (const struct sockaddr *)address, 0), "bind");
    check(uv_listen(server, 1024, on_connection), "listen");
    check(uv_tcp_getsockname(tcp, (struct sockaddr *)address, &len),
          "getsockname");
    announce(address);
}

static void
serve_unix(uv_loop_t *loop, const char *path)
{
    uv_stream_t *server = new_stream(loop, true);
    check(uv_pipe_bind((uv_pipe_t *)server, path), "bind");
    check(uv_listen(server, 1024, on_connection), "listen");
    announce(NULL);
}

int
main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    const char *kind = argc > 1 ? argv[1] : "tcp";
    struct sockaddr_in address;
    /* A client that has gone is an error of a write, and no more. */
    signal(SIGPIPE, SIG_IGN);
    check(uv_ip4_addr("127.0.0.1", 0, &address), "address");
    if (strcmp(kind, "udp") == 0)
        serve_datagrams(loop, &address);
    else if (strcmp(kind, "unix") == 0 && argc > 2)
        serve_unix(loop, argv[2]);
    else if (strcmp(kind, "tcp") == 0)
        serve_tcp(loop, &address);
    else
        check(UV_ENOTSUP, kind);
    return uv_run(loop, UV_RUN_DEFAULT);
}
