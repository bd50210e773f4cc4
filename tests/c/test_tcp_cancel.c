/* test_tcp_cancel.c - a conversation cancelled at each of its parks, and
 * without memory at each of its allocations. */
#include "support_net.h"
#include "support_sweep.h"

enum { AMOUNT = 700 * 1000 };

typedef struct talk {
    bide_listener *listener;
    int port;
    char *data;
    bool client_done, server_done, failed;
} talk;

static void
note(talk *k, actor *a)
{
    k->failed = k->failed || a->rc < 0;
}

/* Sends all it gets back, then ends its half. */
static void
serves(actor *a)
{
    talk *k = a->arg;
    bide_stream *s = a->extra;

    BEGIN(a);
    AWAIT(a, bide_listener_accept(k->listener, &a->w));
    note(k, a);
    if (a->rc)
        goto out;
    a->extra = s = a->w.value.as.ptr;
    while (a->i < AMOUNT && a->rc == 0) {
        AWAIT(a, bide_stream_read(s, AMOUNT, &a->w));
        a->n = a->rc ? 0 : (int)a->w.u.io.len;
        if (a->n == 0)
            break;
        bide_stream_consume(s, (size_t)a->n);
        AWAIT(a, bide_stream_write(s, k->data + a->i, (size_t)a->n, &a->w));
        a->i += a->n;
    }
    note(k, a);
    if (a->rc == 0)
        AWAIT(a, bide_stream_shutdown(s, &a->w));
    note(k, a);
    bide_stream_unref(s);
out:
    /* A connection nobody accepts any more is reset. */
    bide_listener_close(k->listener);
    k->server_done = true;
    END(a);
}

/* Writes while a second task of its reads: here in turns, a part at a time. */
static void
talks(actor *a)
{
    talk *k = a->arg;
    bide_stream *s = a->extra;
    size_t len;

    BEGIN(a);
    AWAIT(a, bide_tcp_connect("127.0.0.1", k->port, &a->w));
    note(k, a);
    if (a->rc)
        goto out;
    a->extra = s = a->w.value.as.ptr;
    while (a->i < AMOUNT && a->rc == 0) {
        a->n = AMOUNT / 7 < AMOUNT - a->i ? AMOUNT / 7 : AMOUNT - a->i;
        AWAIT(a, bide_stream_write(s, k->data + a->i, (size_t)a->n, &a->w));
        if (a->rc == 0)
            AWAIT(a, bide_stream_read_exact(s, (size_t)a->n, &a->w));
        if (a->rc)
            break;
        CHECK(memcmp(bide_stream_data(s, &len), k->data + a->i, (size_t)a->n) ==
              0);
        bide_stream_consume(s, (size_t)a->n);
        a->i += a->n;
    }
    note(k, a);
    if (a->rc == 0) {
        AWAIT(a, bide_stream_read(s, 1, &a->w));
        CHECK(a->rc || a->w.u.io.len == 0);
    }
    bide_stream_unref(s);
out:
    bide_listener_close(k->listener);
    k->client_done = true;
    END(a);
}

static void
listens(actor *a)
{
    talk *k = a->arg;
    bide_address address;

    BEGIN(a);
    AWAIT(a, bide_tcp_listen("127.0.0.1", 0, NULL, &a->w));
    note(k, a);
    if (a->rc == 0) {
        k->listener = a->w.value.as.ptr;
        CHECK_INT(bide_listener_address(k->listener, &address), 0);
        k->port = address.port;
    }
    END(a);
}

static void
begin(world *wd, talk *k)
{
    k->data = malloc(AMOUNT);
    if (!k->data)
        abort();
    for (int i = 0; i < AMOUNT; i++)
        k->data[i] = (char)(i % 253);
    actor *a = actor_spawn(wd, "listens", listens, k);
    CHECK_INT(bide_loop_run(wd->loop, &a->task), 0);
}

static void
end(talk *k)
{
    bide_listener_unref(k->listener);
    free(k->data);
}

static actor *
build_client_victim(world *wd, void *state)
{
    begin(wd, state);
    actor_spawn(wd, "server", serves, state);
    return actor_spawn(wd, "client", talks, state);
}

static actor *
build_server_victim(world *wd, void *state)
{
    begin(wd, state);
    actor *victim = actor_spawn(wd, "server", serves, state);
    actor_spawn(wd, "client", talks, state);
    return victim;
}

static void
verify(world *wd, void *state, bool hit)
{
    (void)wd;
    talk *k = state;
    CHECK(k->client_done);
    CHECK(k->server_done);
    CHECK(hit || !k->failed);
    end(k);
}

static void
test_tcp_conversation_cancelled_at_every_park(void **state)
{
    (void)state;
    sweep_cancel(&(scenario){sizeof(talk), build_client_victim, verify});
}

static void
test_tcp_conversation_cancelled_at_the_other_end(void **state)
{
    (void)state;
    sweep_cancel(&(scenario){sizeof(talk), build_server_victim, verify});
}

/* -- memory ------------------------------------------------------------------
 */

static int
attempt(void)
{
    world wd = {0};
    talk k = {0};
    bide_loop_options o = {.virtual_clock = true};
    int rc = bide_loop_new(&o, &wd.loop);
    if (rc)
        return rc;
    begin(&wd, &k);
    if (k.listener) {
        actor_spawn(&wd, "server", serves, &k);
        actor_spawn(&wd, "client", talks, &k);
        CHECK_INT(bide_loop_run(wd.loop, NULL), 0);
        CHECK(k.client_done && k.server_done);
    }
    end(&k);
    CHECK_INT(bide_loop_close(wd.loop, SECOND, NULL, NULL), 0);
    bide_loop_unref(wd.loop);
    while (wd.actors) {
        actor *a = wd.actors;
        wd.actors = a->next;
        free(a);
    }
    return k.failed ? BIDE_ENOMEMORY : 0;
}

static void
test_tcp_conversation_without_memory(void **state)
{
    (void)state;
    sweep_memory(attempt);
}

TEST_MAIN("tcp cancel", T(tcp_conversation_cancelled_at_every_park),
          T(tcp_conversation_cancelled_at_the_other_end),
          T(tcp_conversation_without_memory))
