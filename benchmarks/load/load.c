/* load - one load for every echo server.
 *
 * Keeps `--connections` connections busy, each with one message in flight: it
 * sends the next one when the last has come back whole. So the server decides
 * the pace, and the figures are round trips per second, the time of each, and
 * the CPU that the server spent on them (utime and stime of /proc/<pid>/stat
 * over the measured window). One line of JSON on stdout.
 *
 *   load --port P [--host H] [--pid PID] [--connections 64] [--size 1024]
 *        [--warmup 300] [--duration 1000]                        (milliseconds)
 *
 * Plain epoll and one thread: it has to cost less than the servers it drives,
 * and has to be none of the libraries it compares. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"

enum { MAX_SIZE = 1 << 20, MAX_EVENTS = 1024 };

typedef struct options {
    const char *host;
    int port, pid;
    int connections, size;
    int warmup, duration; /* ms */
} options;

/** A connection; `sent` and `received` count bytes of the message in flight. */
typedef struct client {
    int fd;
    int sent, received;
    bool wants_out; /* registered for EPOLLOUT too */
    uint64_t started;
} client;

typedef struct cpu {
    double user, sys; /* seconds */
} cpu;

static histogram latencies;
static char message[MAX_SIZE], inbound[MAX_SIZE];

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static uint64_t
now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/** What process `pid` has used so far, all threads. */
static cpu
cpu_of(int pid)
{
    cpu c = {0, 0};
    if (pid <= 0)
        return c;
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f || !fgets(line, sizeof line, f))
        die("cannot read %s: is the server alive?", path);
    fclose(f);
    /* The name may hold spaces: fields are counted from its last ')'. */
    char *p = strrchr(line, ')');
    for (int field = 2; p && field < 14; field++)
        p = strchr(p + 1, ' ');
    if (!p)
        die("%s has an unknown form", path);
    unsigned long user = strtoul(p, &p, 10), sys = strtoul(p, &p, 10);
    double tick = (double)sysconf(_SC_CLK_TCK);
    c.user = (double)user / tick;
    c.sys = (double)sys / tick;
    return c;
}

/** Connects and makes one round trip before the next connection follows: a
 * short listen backlog then never overflows, and the echo is checked. */
static void
client_open(client *c, const options *o, const struct sockaddr_in *to)
{
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket: %s", strerror(errno));
    if (connect(c->fd, (const struct sockaddr *)to, sizeof *to) < 0)
        die("connect to port %d: %s", o->port, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (send(c->fd, message, (size_t)o->size, 0) != o->size)
        die("first send: %s", strerror(errno));
    if (recv(c->fd, inbound, (size_t)o->size, MSG_WAITALL) != o->size)
        die("first echo: %s", errno ? strerror(errno) : "connection ended");
    if (memcmp(message, inbound, (size_t)o->size) != 0)
        die("the server's echo differs from what was sent");
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

static void
client_watch(int poll, client *c, int op, bool out)
{
    struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0),
                            .data.ptr = c};
    if (epoll_ctl(poll, op, c->fd, &e) < 0)
        die("epoll_ctl: %s", strerror(errno));
    c->wants_out = out;
}

/** Sends what is left of the message. */
static void
client_send(int poll, client *c, int size)
{
    while (c->sent < size) {
        ssize_t n = send(c->fd, message + c->sent, (size_t)(size - c->sent),
                         MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            die("send: %s", strerror(errno));
        c->sent += (int)n;
    }
    bool out = c->sent < size;
    if (out != c->wants_out)
        client_watch(poll, c, EPOLL_CTL_MOD, out);
}

static void
client_begin(int poll, client *c, int size)
{
    c->sent = c->received = 0;
    c->started = now_ns();
    client_send(poll, c, size);
}

/** Reads once; true when the message is back whole. */
static bool
client_receive(client *c, int size)
{
    ssize_t n = recv(c->fd, inbound, (size_t)(size - c->received), 0);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0)
        die("recv: %s", n ? strerror(errno) : "the server hung up");
    c->received += (int)n;
    return c->received == size;
}

/** Runs all connections until `end`; the number of round trips completed. */
static uint64_t
drive(int poll, int size, uint64_t end, bool record)
{
    struct epoll_event events[MAX_EVENTS];
    uint64_t trips = 0, now;
    do {
        int n = epoll_wait(poll, events, MAX_EVENTS, 1000);
        if (n == 0)
            die("no echo for a second");
        now = now_ns();
        for (int i = 0; i < n; i++) {
            client *c = events[i].data.ptr;
            if (c->wants_out && (events[i].events & EPOLLOUT))
                client_send(poll, c, size);
            if (!(events[i].events & ~(uint32_t)EPOLLOUT) ||
                !client_receive(c, size))
                continue;
            if (record)
                histogram_add(&latencies, now_ns() - c->started);
            trips++;
            client_begin(poll, c, size);
        }
    } while (now < end);
    return trips;
}

/** `trips` were measured; `total` counts those before, too. */
static void
report(const options *o, uint64_t trips, uint64_t total, double seconds, cpu a,
       cpu b)
{
    double user = b.user - a.user, sys = b.sys - a.sys;
    double per = 1e6 / (double)(trips ? trips : 1);
    printf("{\"connections\": %d, \"size\": %d, \"seconds\": %.4f, "
           "\"round_trips\": %llu, \"total\": %llu, \"rate\": %.1f, "
           "\"user_us\": %.4f, \"sys_us\": %.4f, \"busy\": %.4f, "
           "\"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.2f}\n",
           o->connections, o->size, seconds, (unsigned long long)trips,
           (unsigned long long)total, (double)trips / seconds, user * per,
           sys * per, (user + sys) / seconds,
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

static options
parse(int argc, char **argv)
{
    options o = {.host = "127.0.0.1",
                 .connections = 64,
                 .size = 1024,
                 .warmup = 300,
                 .duration = 1000};
    const struct {
        const char *name;
        int *value;
    } numbers[] = {{"--port", &o.port},
                   {"--pid", &o.pid},
                   {"--connections", &o.connections},
                   {"--size", &o.size},
                   {"--warmup", &o.warmup},
                   {"--duration", &o.duration}};
    for (int i = 1; i + 1 < argc; i += 2) {
        bool known = strcmp(argv[i], "--host") == 0;
        if (known)
            o.host = argv[i + 1];
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
            if (strcmp(argv[i], numbers[k].name) != 0)
                continue;
            *numbers[k].value = number(argv[i], argv[i + 1]);
            known = true;
        }
        if (!known)
            die("unknown option %s", argv[i]);
    }
    if (argc % 2 == 0)
        die("%s needs a value", argv[argc - 1]);
    if (o.port <= 0)
        die("--port is needed");
    if (o.size < 1 || o.size > MAX_SIZE || o.connections < 1)
        die("--size is 1..%d, --connections at least 1", MAX_SIZE);
    return o;
}

int
main(int argc, char **argv)
{
    options o = parse(argc, argv);
    for (int i = 0; i < o.size; i++)
        message[i] = (char)('a' + i % 26);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)o.port)};
    if (inet_pton(AF_INET, o.host, &to.sin_addr) != 1)
        die("--host must be an IPv4 address");
    client *clients = calloc((size_t)o.connections, sizeof *clients);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    if (!clients || poll < 0)
        die("cannot start: %s", strerror(errno));
    for (int i = 0; i < o.connections; i++)
        client_open(&clients[i], &o, &to);
    for (int i = 0; i < o.connections; i++) {
        client_watch(poll, &clients[i], EPOLL_CTL_ADD, false);
        client_begin(poll, &clients[i], o.size);
    }
    uint64_t total = (uint64_t)o.connections; /* one each to begin with */
    total +=
        drive(poll, o.size, now_ns() + (uint64_t)o.warmup * 1000000u, false);

    cpu before = cpu_of(o.pid);
    uint64_t start = now_ns();
    uint64_t trips =
        drive(poll, o.size, start + (uint64_t)o.duration * 1000000u, true);
    uint64_t end = now_ns();
    cpu after = cpu_of(o.pid);
    report(&o, trips, total + trips, (double)(end - start) / 1e9, before,
           after);
    free(clients);
    return 0;
}
