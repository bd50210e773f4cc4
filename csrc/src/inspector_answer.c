/* A request is one GET; its answer closes the connection. Two things keep
 * others out: the token, and that the Host is a name of this machine, which a
 * page of somebody else's that has its own name point here cannot claim. */
#include "inspector_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <inspector_page.h> /* made of inspector_page.html by the build */

#include "bide.h"

enum { HEAD_MAX = 8192 };

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* -- the connection ------------------------------------------------------- */

static void
set_patience(int fd)
{
    struct timeval two_seconds = {.tv_sec = 2};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &two_seconds, sizeof two_seconds);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &two_seconds, sizeof two_seconds);
#ifdef SO_NOSIGPIPE
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
}

/* The head of a request, without the empty line; false: none came. */
static bool
read_head(int fd, char head[HEAD_MAX + 1])
{
    size_t have = 0;
    while (have < HEAD_MAX) {
        ssize_t n = recv(fd, head + have, HEAD_MAX - have, 0);
        if (n <= 0)
            return false;
        have += (size_t)n;
        head[have] = '\0';
        char *end = strstr(head, "\r\n\r\n");
        if (end) {
            end[2] = '\0';
            return true;
        }
    }
    return false;
}

static bool
send_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static void
reply(int fd, const char *status, const char *kind, const char *body,
      size_t len)
{
    char head[512];
    int n = snprintf(
        head, sizeof head,
        "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
        "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
        "Content-Security-Policy: default-src 'none'; connect-src 'self'; "
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'\r\n"
        "Connection: close\r\n\r\n",
        status, kind, len);
    if (send_all(fd, head, (size_t)n))
        send_all(fd, body, len);
}

static void
refuse(int fd, const char *status, const char *why)
{
    reply(fd, status, "text/plain; charset=utf-8", why, strlen(why));
}

/* -- who may ask ---------------------------------------------------------- */

/* In a time that does not tell how much of it was right. */
static bool
is_token(const char *given, const char *token)
{
    size_t len = strlen(token);
    if (strcspn(given, "& ") != len)
        return false;
    unsigned difference = 0;
    for (size_t i = 0; i < len; i++)
        difference |= (unsigned char)given[i] ^ (unsigned char)token[i];
    return difference == 0;
}

static bool
brings_token(const char *query, const char *token)
{
    for (const char *at = query; at; at = strchr(at, '&')) {
        at += *at == '&';
        if (strncmp(at, "token=", 6) == 0)
            return is_token(at + 6, token);
    }
    return false;
}

static bool
names_this_machine(const char *head)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    const char *host = strstr(head, "\r\nHost: ");
    if (!host)
        host = strstr(head, "\r\nhost: ");
    if (!host)
        return false;
    host += 8;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len = strlen(names[i]);
        if (strncmp(host, names[i], len) == 0 &&
            (host[len] == ':' || host[len] == '\r'))
            return true;
    }
    return false;
}

/* -- what is there -------------------------------------------------------- */

static void
give_page(int fd)
{
    reply(fd, "200 OK", "text/html; charset=utf-8", bide__inspector_page,
          sizeof bide__inspector_page - 1);
}

static void
give_text(int fd, int rc, char *text, const char *kind)
{
    if (rc) {
        refuse(fd, "503 Service Unavailable", bide_strerror(rc));
        return;
    }
    reply(fd, "200 OK", kind, text, strlen(text));
    bide_dump_free(text);
}

static void
give_dump(int fd)
{
    char *text = NULL;
    int rc = bide_dump(BIDE_DUMP_TEXT, &text);
    give_text(fd, rc, text, "text/plain; charset=utf-8");
}

/* {"dump": ..., "stats": ...}: both at one time. */
static void
give_state(int fd)
{
    char *dump = NULL, *stats = NULL;
    int rc = bide_dump(BIDE_DUMP_JSON, &dump);
    if (rc == 0)
        rc = bide_stats_text(&stats);
    size_t room = rc ? 0 : strlen(dump) + strlen(stats) + 64;
    char *both = room ? malloc(room) : NULL;
    if (both) {
        int n =
            snprintf(both, room, "{\"dump\":%s,\"stats\":%s}\n", dump, stats);
        reply(fd, "200 OK", "application/json", both, (size_t)n);
    } else {
        refuse(fd, "503 Service Unavailable",
               bide_strerror(rc ? rc : BIDE_ENOMEMORY));
    }
    free(both);
    bide_dump_free(stats);
    bide_dump_free(dump);
}

static void
give_metrics(int fd)
{
    char *text = NULL;
    int rc = bide_metrics(&text);
    give_text(fd, rc, text,
              "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

static const struct {
    const char *path;
    void (*give)(int fd);
} routes[] = {
    {"/", give_page},
    {"/state.json", give_state},
    {"/dump.txt", give_dump},
    {"/metrics", give_metrics},
};

static void
answer(int fd, const char *path)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strcmp(routes[i].path, path) == 0) {
            routes[i].give(fd);
            return;
        }
    refuse(fd, "404 Not Found",
           "there are /, /state.json, /dump.txt, /metrics");
}

void
bide__inspector_answer(int fd, const char *token)
{
    char head[HEAD_MAX + 1];
    set_patience(fd);
    if (!read_head(fd, head))
        return;
    char *end = strstr(head, " HTTP/1.");
    if (strncmp(head, "GET /", 5) != 0 || !end || end > strstr(head, "\r\n")) {
        refuse(fd, "405 Method Not Allowed", "only GET is understood");
        return;
    }
    if (token && !names_this_machine(head)) {
        refuse(fd, "421 Misdirected Request",
               "only for this machine: use 127.0.0.1");
        return;
    }
    *end = '\0';
    char *query = strchr(head, '?');
    if (token && !(query && brings_token(query + 1, token))) {
        refuse(fd, "403 Forbidden",
               "the token is missing or wrong: use the address that "
               "bide.inspect() gave");
        return;
    }
    if (query)
        *query = '\0';
    answer(fd, head + 4);
}
