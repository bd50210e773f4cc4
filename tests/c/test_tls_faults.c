/* test_tls_faults.c - TLS: what comes from the network and is no part of the
 * conversation, what comes too early, and that nothing stays of it. */
#include "support_tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support_net.h"
#include "support_sweep.h"

/* -- the end, too early --------------------------------------------------- */

/* A descriptor of the client's socket, for what TLS would not do. */
static int
behind(const ends *e)
{
    return dup(bide_stream_fd(e->tls[0]));
}

static void
is_cut_short(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT_OK(a, bide_stream_write(e->tls[0], "some", 4, &a->w));
    a->n = behind(e);
    CHECK_INT(shutdown(a->n, SHUT_WR), 0);
    close(a->n);
    AWAIT_OK(a, bide_stream_read(e->tls[1], 9, &a->w));
    CHECK_INT(a->w.u.io.len, 4);
    bide_stream_consume(e->tls[1], 4);
    for (a->i = 0; a->i < 2; a->i++) {
        AWAIT(a, bide_stream_read(e->tls[1], 9, &a->w));
        CHECK_INT(a->rc, BIDE_ETRUNCATED);
    }
    END(a);
}

static void
test_tls_truncation_is_an_error(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_start(&e);
    ends_play(&e, is_cut_short, NULL);
}

/* -- records that nobody made --------------------------------------------- */

static void
meets_a_forgery(actor *a, const char *header, size_t body)
{
    ends *e = a->arg;
    char record[128] = {0};

    BEGIN(a);
    AWAIT_OK(a, bide_tls_handshake(e->tls[0], &a->w));
    AWAIT_OK(a, bide_tls_handshake(e->tls[1], &a->w));
    memcpy(record, header, 5);
    a->n = behind(e);
    CHECK_INT(write(a->n, record, 5 + body), 5 + body);
    close(a->n);
    for (a->i = 0; a->i < 2; a->i++) {
        AWAIT(a, bide_stream_read(e->tls[1], 9, &a->w));
        CHECK_INT(a->rc, BIDE_ETLS);
        CHECK(*bide_tls_reason(e->tls[1]));
    }
    CHECK_INT(bide_stream_write(e->tls[1], "x", 1, &a->w), BIDE_ETLS);
    END(a);
}

static void
meets_an_altered_one(actor *a)
{
    meets_a_forgery(a, "\x17\x03\x03\x00\x20", 32);
}

static void
meets_a_large_one(actor *a)
{
    meets_a_forgery(a, "\x17\x03\x03\xff\xff", 100);
}

static void
test_tls_altered_record_is_an_error(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_start(&e);
    ends_play(&e, meets_an_altered_one, NULL);
}

static void
test_tls_oversized_record_is_an_error(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_start(&e);
    ends_play(&e, meets_a_large_one, NULL);
}

/* -- closing -------------------------------------------------------------- */

enum { LOTS = 10000000 };

static void
reads_till_closed(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT(a, bide_stream_read(e->tls[0], 1, &a->w));
    CHECK_INT(a->rc, BIDE_ECLOSED);
    END(a);
}

static void
writes_till_closed(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT(a, bide_stream_write(e->tls[0], e->data, LOTS, &a->w));
    CHECK_INT(a->rc, BIDE_ECLOSED);
    END(a);
}

static void
closes_at_once(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    for (a->i = 0; a->i < 2; a->i++)
        AWAIT_OK(a, bide_tls_handshake(e->tls[a->i], &a->w));
    e->at = now(a);
    bide_stream_close(e->tls[0]);
    AWAIT_OK(a, bide_yield(&a->w));
    CHECK(now(a) - e->at < 5 * SECOND);
    END(a);
}

static void
test_tls_close_is_prompt(void **state)
{
    (void)state;
    ends e;
    ends_begin(&e);
    ends_start(&e);
    e.data = calloc(1, LOTS);
    actor_spawn(&e.wd, "reader", reads_till_closed, &e);
    ends_play(&e, writes_till_closed, closes_at_once);
}

/* -- cancelling ----------------------------------------------------------- */

enum { AMOUNT = 400000 };

typedef struct talk {
    bide_stream *under[2], *tls[2];
    bide_tls_context *contexts[2];
    char *data;
    bool over[2];
} talk;

/* Each end writes much and reads what the other writes, then ends its half;
 * whoever fails closes, so that the other gets through. */
static void
converses(actor *a)
{
    talk *k = a->arg;
    bide_stream *s = k->tls[a->i];

    BEGIN(a);
    AWAIT(a, bide_tls_handshake(s, &a->w));
    for (a->n = 0; a->n < 2 && a->rc == 0; a->n++) {
        if (a->n == a->i)
            AWAIT(a, bide_stream_write(s, k->data, AMOUNT, &a->w));
        else
            AWAIT(a, bide_stream_read_exact(s, AMOUNT, &a->w));
        if (a->rc == 0 && a->n != a->i)
            bide_stream_consume(s, AMOUNT);
    }
    if (a->rc == 0)
        AWAIT(a, bide_stream_shutdown(s, &a->w));
    if (a->rc == 0)
        AWAIT(a, bide_stream_read(s, 1, &a->w));
    bide_stream_close(s);
    k->over[a->i] = true;
    END(a);
}

static actor *
build(world *wd, talk *k, int victim)
{
    actor *sides[2];
    k->data = calloc(1, AMOUNT);
    k->contexts[0] = tls_client_context("ca");
    k->contexts[1] = tls_server_context("server");
    CHECK_INT(bide_stream_pair(wd->loop, k->under), 0);
    CHECK_INT(bide_tls_start_client(k->under[0], k->contexts[0], "localhost",
                                    NULL, 0, &k->tls[0]),
              0);
    CHECK_INT(bide_tls_start_server(k->under[1], k->contexts[1], &k->tls[1]),
              0);
    for (int i = 0; i < 2; i++) {
        sides[i] = actor_spawn(wd, i ? "server" : "client", converses, k);
        sides[i]->i = i;
    }
    return sides[victim];
}

static actor *
build_client(world *wd, void *state)
{
    return build(wd, state, 0);
}

static actor *
build_server(world *wd, void *state)
{
    return build(wd, state, 1);
}

static void
verify(world *wd, void *state, bool hit)
{
    (void)wd;
    (void)hit;
    talk *k = state;
    for (int i = 0; i < 2; i++) {
        CHECK(k->over[i]);
        bide_stream_unref(k->tls[i]);
        bide_tls_context_unref(k->contexts[i]);
    }
    free(k->data);
}

static void
test_tls_cancel_at_every_park(void **state)
{
    (void)state;
    sweep_cancel(&(scenario){sizeof(talk), build_client, verify});
    sweep_cancel(&(scenario){sizeof(talk), build_server, verify});
}

/* -- nothing stays -------------------------------------------------------- */

/* Two ends of a connection over TCP, which can be reset, instead of the pair.
 */
static void
put_on_tcp(ends *e)
{
    int port, listening = peer_listen(&port);
    int fds[2] = {peer_connect(port), accept(listening, NULL, NULL)};
    close(listening);
    for (int i = 0; i < 2; i++) {
        bide_stream_unref(e->under[i]);
        CHECK_INT(bide_stream_open_fd(e->wd.loop, fds[i], &e->under[i]), 0);
    }
}

/* Resets when the last descriptor is closed. */
static void
arm_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
}

enum fault {
    BAD_CERTIFICATE,
    WRONG_HOST,
    EXPIRED,
    RESET_IN_HANDSHAKE,
    RESET_IN_RECORD,
    NO_GOODBYE,
    FAULTS
};

static const char half_a_record[] = "\x17\x03\x03\x01\x00half";

/* Ends the connection behind TLS's back. */
static void
break_off(ends *e, enum fault fault)
{
    int fd = behind(e);
    if (fault == NO_GOODBYE)
        CHECK_INT(shutdown(fd, SHUT_WR), 0);
    if (fault == RESET_IN_RECORD) {
        CHECK_INT(write(fd, half_a_record, 9), 9);
        bide_stream_abort(e->tls[0]);
        arm_reset(fd);
    }
    close(fd);
}

/* The client's part in a fault. */
static void
misbehaves(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    if (a->n == RESET_IN_HANDSHAKE) {
        AWAIT_OK(a, bide_stream_write(e->under[0], "\x16\x03\x01", 3, &a->w));
        bide_stream_abort(e->under[0]);
        break;
    }
    AWAIT(a, bide_tls_handshake(e->tls[0], &a->w));
    if (a->rc == 0)
        AWAIT(a, bide_stream_read(e->tls[0], 1, &a->w));
    e->shaken[0] = a->rc;
    if (a->rc == 0)
        break_off(e, a->n);
    AWAIT_UNTIL(a, e->shaken[1]);
    bide_stream_close(e->tls[0]);
    END(a);
}

/* Says a word, and waits for one that does not come. */
static void
suffers(actor *a)
{
    ends *e = a->arg;

    BEGIN(a);
    AWAIT(a, bide_tls_handshake(e->tls[1], &a->w));
    if (a->rc == 0)
        AWAIT(a, bide_stream_write(e->tls[1], "x", 1, &a->w));
    if (a->rc == 0)
        AWAIT(a, bide_stream_read(e->tls[1], 1, &a->w));
    e->shaken[1] = a->rc;
    bide_stream_close(e->tls[1]);
    END(a);
}

static void
begin_fault(ends *e, enum fault fault)
{
    ends_begin_with(
        e, tls_client_context(fault == BAD_CERTIFICATE ? "other-ca" : "ca"),
        tls_server_context(fault == EXPIRED ? "expired" : "server"));
    put_on_tcp(e);
    if (fault == WRONG_HOST)
        e->host = "other.test";
    if (fault != RESET_IN_HANDSHAKE) {
        ends_start(e);
        return;
    }
    CHECK_INT(bide_tls_start_server(e->under[1], e->contexts[1], &e->tls[1]),
              0);
    e->under[1] = NULL;
}

static void
commit(enum fault fault)
{
    static const int codes[FAULTS][2] = {
        {BIDE_ECERTIFICATE, BIDE_ETLS},
        {BIDE_ECERTIFICATE, BIDE_ETLS},
        {BIDE_ECERTIFICATE, BIDE_ETLS},
        {0, -ECONNRESET},
        {0, -ECONNRESET},
        {0, BIDE_ETRUNCATED},
    };
    ends e;
    begin_fault(&e, fault);
    actor_spawn(&e.wd, "client", misbehaves, &e)->n = (int)fault;
    actor_spawn(&e.wd, "server", suffers, &e);
    world_run(&e.wd);
    for (int i = 0; i < 2; i++)
        CHECK_INT(e.shaken[i], codes[fault][i]);
    ends_end(&e);
}

enum { ROUNDS = 25 };

static void
test_tls_faults_leave_nothing_open(void **state)
{
    (void)state;
    for (enum fault fault = 0; fault < FAULTS; fault++) {
        int fds = open_descriptors();
        size_t held = memory_held();
        for (int i = 0; i < ROUNDS; i++)
            commit(fault);
        CHECK_INT(open_descriptors(), fds);
        CHECK_INT(memory_held(), held);
    }
    check_end();
}

TLS_TEST_MAIN("tls faults", T(tls_truncation_is_an_error),
              T(tls_altered_record_is_an_error),
              T(tls_oversized_record_is_an_error), T(tls_close_is_prompt),
              T(tls_cancel_at_every_park), T(tls_faults_leave_nothing_open))
