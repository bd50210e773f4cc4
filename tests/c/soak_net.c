/* soak_net.c - connections that come, talk and drop at random. */
#include "soak.h"

/* Echoes whatever comes until the client ends, or by chance drops it. */
static void
serves_one(actor *a)
{
    bide_stream *s = a->arg;
    size_t len;
    const char *data;

    BEGIN(a);
    for (;;) {
        AWAIT(a, bide_stream_read(s, 65536, &a->w));
        if (a->rc || a->w.u.io.len == 0 || draw(a, 200) == 0)
            break;
        /* A copy: the data stays put only until the task parks. */
        data = bide_stream_data(s, &len);
        a->n = (int)a->w.u.io.len;
        a->extra = malloc((size_t)a->n);
        if (!a->extra)
            abort();
        memcpy(a->extra, data, (size_t)a->n);
        bide_stream_consume(s, (size_t)a->n);
        AWAIT(a, bide_stream_write(s, a->extra, (size_t)a->n, &a->w));
        free(a->extra);
        if (a->rc)
            break;
    }
    bide_stream_unref(s);
    END(a);
}

void
soak_serves(actor *a)
{
    BEGIN(a);
    for (;;) {
        AWAIT(a, bide_listener_accept(soak_of(a)->n.listener, &a->w));
        if (a->rc)
            break;
        actor_spawn(a->world, "connection", serves_one, a->w.value.as.ptr);
    }
    CHECK_INT(a->rc, BIDE_ECLOSED);
    END(a);
}

/* One exchange; false: the connection is gone. */
static bool
answer_is_right(actor *a, bide_stream *s)
{
    size_t len;
    const char *data = bide_stream_data(s, &len);
    bool right = memcmp(data, soak_of(a)->message, (size_t)a->n) == 0;
    bide_stream_consume(s, (size_t)a->n);
    CHECK(right);
    soak_of(a)->echoes++;
    return right;
}

/* Connects, talks, drops the connection at random: by a close in the middle, by
 * a timeout that cancels whatever it is doing, or in good order. */
void
soak_is_client(actor *a)
{
    bide_stream *s = a->extra;

    BEGIN(a);
    while (!time_is_up(a)) {
        enter_timeout(a, draw(a, 30) * MS);
        AWAIT(a, bide_tcp_connect("127.0.0.1", soak_of(a)->n.port, &a->w));
        a->extra = s = a->rc == 0 ? a->w.value.as.ptr : NULL;
        for (a->i = draw(a, 100); s && a->i > 0; a->i--) {
            a->n = 1 + draw(a, MESSAGE);
            AWAIT(a, bide_stream_write(s, soak_of(a)->message, (size_t)a->n,
                                       &a->w));
            if (a->rc || draw(a, 100) == 0)
                break;
            AWAIT(a, bide_stream_read_exact(s, (size_t)a->n, &a->w));
            if (a->rc || !answer_is_right(a, s))
                break;
        }
        soak_of(a)->dropped += a->i > 0;
        bide_stream_unref(s);
        a->extra = NULL;
        bide_scope_leave(&a->scope);
        AWAIT_OK(a, bide_sleep_until(&a->w, now(a) + draw(a, 3) * MS));
    }
    END(a);
}
