/* load - one load for every server.
 *
 * Keeps `--connections` connections busy, each with one message in flight: it
 * sends the next one when the last has come back whole. So the server decides
 * the pace, and the figures are round trips per second, the time of each, and
 * the CPU that the server spent on them (out of /proc/<pid> over the measured
 * window). One line of JSON on stdout.
 *
 *   load --port P | --unix PATH  [--host H] [--udp 1 | --tls 1] [--pid PID]
 *        [--connections 64] [--size 1024] [--idle N] [--accept 1]
 *        [--warmup 300] [--duration 1000]                        (milliseconds)
 *
 * `--idle`: so many connections more, which make one round trip and are then
 * silent. `--accept 1`: a connection is closed after its round trip and opened
 * anew, so that accepting is what is measured.
 *
 * Plain epoll and one thread: it has to cost less than the servers it drives,
 * and has to be none of the libraries it compares. */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "histogram.h"
#include "peer.h"
#include "usage.h"

/* Datagrams may be lost: after SILENCE_UDP ms without any they are sent again;
 * SILENCE_MAX of those, or a connection that is silent for as long, is an end.
 */
enum {
    MAX_SIZE = 1 << 20,
    MAX_EVENTS = 1024,
    SILENCE = 5000,
    SILENCE_UDP = 100,
    SILENCE_MAX = 50
};

typedef struct options {
    target to;
    int pid, accept;
    int connections, idle, size;
    int warmup, duration; /* ms */
} options;

/** A connection; `sent` and `received` count bytes of the message in flight. */
typedef struct client {
    peer peer;
    int sent, received;
    bool wants_out; /* registered for EPOLLOUT too */
    uint64_t started;
} client;

typedef struct load {
    options o;
    int poll;
    client *clients;
} load;

static histogram latencies;
static char message[MAX_SIZE], inbound[MAX_SIZE];

static uint64_t
now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/** The first message's whole way, on a connection that blocks. */
static void
first_trip(peer *p, int size)
{
    for (int sent = 0, got = 0; got < size;) {
        if (sent < size) {
            /* A piece at a time: neither side's buffers fill up. */
            int piece = size - sent < 16384 ? size - sent : 16384;
            if (peer_send(p, message + sent, (size_t)piece) != piece)
                die("first send: %s", strerror(errno));
            sent += piece;
        }
        while (got < sent) {
            ssize_t n = peer_recv(p, inbound + got, (size_t)(sent - got));
            if (n <= 0)
                die("first echo: %s", n ? strerror(errno) : "it hung up");
            got += (int)n;
        }
    }
    if (memcmp(message, inbound, (size_t)size) != 0)
        die("the server's echo differs from what was sent");
}

/** Connects and makes one round trip before the next connection follows: a
 * short listen backlog then never overflows, and the echo is checked. */
static peer
open_checked(options *o)
{
    peer p = peer_open(&o->to);
    first_trip(&p, o->size);
    peer_unblock(&p);
    return p;
}

static void
client_watch(const load *l, client *c, int op, bool out)
{
    struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0),
                            .data.ptr = c};
    if (epoll_ctl(l->poll, op, c->peer.fd, &e) < 0)
        die("epoll_ctl: %s", strerror(errno));
    c->wants_out = out;
}

/** Sends what is left of the message. */
static void
client_send(const load *l, client *c)
{
    int size = l->o.size;
    while (c->sent < size) {
        ssize_t n =
            peer_send(&c->peer, message + c->sent, (size_t)(size - c->sent));
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            die("send: %s", strerror(errno));
        c->sent += (int)n;
    }
    bool out = c->sent < size;
    if (out != c->wants_out)
        client_watch(l, c, EPOLL_CTL_MOD, out);
}

static void
client_begin(load *l, client *c)
{
    c->sent = c->received = 0;
    c->started = now_ns();
    if (l->o.accept) {
        c->peer = peer_open(&l->o.to);
        client_watch(l, c, EPOLL_CTL_ADD, false);
    }
    client_send(l, c);
}

/** Reads once; true when the message is back whole. */
static bool
client_receive(client *c, int size)
{
    ssize_t n = peer_recv(&c->peer, inbound, (size_t)(size - c->received));
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0)
        die("recv: %s", n ? strerror(errno) : "the server hung up");
    c->received += (int)n;
    return c->received == size;
}

/** Nothing came for long: datagrams that were lost are sent again. */
static void
on_silence(load *l, int times)
{
    if (!l->o.to.udp || times > SILENCE_MAX)
        die("no echo for %d ms", SILENCE);
    for (int i = 0; i < l->o.connections; i++) {
        l->clients[i].sent = 0;
        client_send(l, &l->clients[i]);
    }
}

/** A round trip is complete; the next one. */
static void
client_again(load *l, client *c, bool record)
{
    if (record)
        histogram_add(&latencies, now_ns() - c->started);
    if (l->o.accept)
        peer_close(&c->peer);
    client_begin(l, c);
}

/** Runs all connections until `end`; the number of round trips completed. */
static uint64_t
drive(load *l, uint64_t end, bool record)
{
    struct epoll_event events[MAX_EVENTS];
    uint64_t trips = 0;
    int silent = 0, patience = l->o.to.udp ? SILENCE_UDP : SILENCE;
    do {
        int n = epoll_wait(l->poll, events, MAX_EVENTS, patience);
        silent = n > 0 ? 0 : silent + 1;
        if (silent)
            on_silence(l, silent);
        for (int i = 0; i < n; i++) {
            client *c = events[i].data.ptr;
            if (c->wants_out && (events[i].events & EPOLLOUT))
                client_send(l, c);
            if (!(events[i].events & ~(uint32_t)EPOLLOUT) ||
                !client_receive(c, l->o.size))
                continue;
            trips++;
            client_again(l, c, record);
        }
    } while (now_ns() < end);
    return trips;
}

/** `trips` were measured; `total` counts those before, too. */
static void
report(const options *o, uint64_t trips, uint64_t total, double seconds,
       usage a, usage b)
{
    double all = b.all - a.all;
    double per = 1e6 / (double)(trips ? trips : 1);
    printf("{\"connections\": %d, \"size\": %d, \"seconds\": %.4f, "
           "\"round_trips\": %llu, \"total\": %llu, \"rate\": %.1f, "
           "\"cpu_us\": %.4f, \"user_us\": %.4f, \"sys_us\": %.4f, "
           "\"busy\": %.4f, "
           "\"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.2f}\n",
           o->connections, o->size, seconds, (unsigned long long)trips,
           (unsigned long long)total, (double)trips / seconds, all * per,
           (b.user - a.user) * per, (b.sys - a.sys) * per, all / seconds,
           histogram_quantile(&latencies, 0.50) / 1e3,
           histogram_quantile(&latencies, 0.99) / 1e3,
           (double)latencies.max / 1e3);
}

static int
number(const char *option, const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end || value < 0 || value > INT_MAX)
        die("%s needs a number, not '%s'", option, text);
    return (int)value;
}

static void
check(const options *o)
{
    if (o->to.port <= 0 && !o->to.path)
        die("--port or --unix is needed");
    if (o->size < 1 || o->size > MAX_SIZE || o->connections < 1)
        die("--size is 1..%d, --connections at least 1", MAX_SIZE);
    if (o->to.udp && (o->to.tls || o->accept || o->size > 65507))
        die("--udp: neither TLS nor --accept, and at most 65507 bytes");
}

static options
parse(int argc, char **argv)
{
    options o = {.to.host = "127.0.0.1",
                 .connections = 64,
                 .size = 1024,
                 .warmup = 300,
                 .duration = 1000};
    const struct {
        const char *name;
        int *number;
        const char **text;
    } known[] = {{"--port", &o.to.port, NULL},
                 {"--host", NULL, &o.to.host},
                 {"--unix", NULL, &o.to.path},
                 {"--udp", &o.to.udp, NULL},
                 {"--tls", &o.to.tls, NULL},
                 {"--pid", &o.pid, NULL},
                 {"--connections", &o.connections, NULL},
                 {"--idle", &o.idle, NULL},
                 {"--accept", &o.accept, NULL},
                 {"--size", &o.size, NULL},
                 {"--warmup", &o.warmup, NULL},
                 {"--duration", &o.duration, NULL}};
    const size_t count = sizeof known / sizeof *known;
    for (int i = 1; i < argc; i += 2) {
        size_t k = 0;
        while (k < count && strcmp(argv[i], known[k].name) != 0)
            k++;
        if (k == count)
            die("unknown option %s", argv[i]);
        if (i + 1 == argc)
            die("%s needs a value", argv[i]);
        if (known[k].number)
            *known[k].number = number(argv[i], argv[i + 1]);
        else
            *known[k].text = argv[i + 1];
    }
    check(&o);
    return o;
}

/** Opens all connections and puts the first messages on their way. */
static void
begin(load *l)
{
    l->clients = calloc((size_t)l->o.connections, sizeof *l->clients);
    l->poll = epoll_create1(EPOLL_CLOEXEC);
    if (!l->clients || l->poll < 0)
        die("cannot start: %s", strerror(errno));
    target_init(&l->o.to);
    for (int i = 0; i < l->o.idle; i++)
        open_checked(&l->o); /* open as long as this process */
    if (l->o.accept) {
        peer p = open_checked(&l->o);
        peer_close(&p);
        l->o.to.many_addresses = !l->o.to.path;
    }
    for (int i = 0; i < l->o.connections && !l->o.accept; i++) {
        l->clients[i].peer = open_checked(&l->o);
        client_watch(l, &l->clients[i], EPOLL_CTL_ADD, false);
    }
    for (int i = 0; i < l->o.connections; i++)
        client_begin(l, &l->clients[i]);
}

int
main(int argc, char **argv)
{
    load l = {.o = parse(argc, argv)};
    const options *o = &l.o;
    for (int i = 0; i < o->size; i++)
        message[i] = (char)('a' + i % 26);
    begin(&l);
    uint64_t total = (uint64_t)o->connections; /* one each to begin with */
    total += drive(&l, now_ns() + (uint64_t)o->warmup * 1000000u, false);

    usage before = usage_of(o->pid);
    uint64_t start = now_ns();
    uint64_t trips = drive(&l, start + (uint64_t)o->duration * 1000000u, true);
    uint64_t end = now_ns();
    usage after = usage_of(o->pid);
    report(o, trips, total + trips, (double)(end - start) / 1e9, before, after);
    free(l.clients);
    return 0;
}
