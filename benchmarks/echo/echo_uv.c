/* echo_uv - the limit: what libuv does with nothing on top of it.
 *
 * One read buffer for all connections, uv_try_write straight from it, and a
 * uv_write of the rest only when the socket is full; reading pauses until that
 * one is out. Prints its port. */
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

static void
on_connection(uv_stream_t *server, int status)
{
    check(status, "connection");
    uv_tcp_t *client = malloc(sizeof *client);
    if (!client)
        check(UV_ENOMEM, "connection");
    check(uv_tcp_init(server->loop, client), "tcp");
    check(uv_accept(server, (uv_stream_t *)client), "accept");
    check(uv_tcp_nodelay(client, 1), "nodelay");
    check(uv_read_start((uv_stream_t *)client, on_alloc, on_read), "read");
}

int
main(void)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t server;
    struct sockaddr_in address;
    int len = sizeof address;
    check(uv_ip4_addr("127.0.0.1", 0, &address), "address");
    check(uv_tcp_init(loop, &server), "tcp");
    check(uv_tcp_bind(&server, (const struct sockaddr *)&address, 0), "bind");
    check(uv_listen((uv_stream_t *)&server, 1024, on_connection), "listen");
    check(uv_tcp_getsockname(&server, (struct sockaddr *)&address, &len),
          "getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
