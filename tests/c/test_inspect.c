/* The live view: who is answered, and what. */
#include "support.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char url[128];
static int port;
static const char *token;

static int
start(void **state)
{
    (void)state;
    if (bide_inspect("127.0.0.1:0", url, sizeof url))
        return -1;
    port = atoi(strrchr(url, ':') + 1);
    token = strstr(url, "token=") + 6;
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    bide_inspect_stop();
    return 0;
}

/* Sends `request` on the connected `fd` and closes it; what came back. */
static const char *
exchange(int fd, const char *request)
{
    static char answer[1 << 16];
    size_t have = 0;
    ssize_t n = (ssize_t)strlen(request);
    assert_int_equal(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
    while ((n = recv(fd, answer + have, sizeof answer - 1 - have, 0)) > 0)
        have += (size_t)n;
    answer[have] = '\0';
    close(fd);
    return answer;
}

static int
connected(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static const char *
ask(const char *path, const char *with, const char *host)
{
    char request[512];
    snprintf(request, sizeof request, "GET %s%s HTTP/1.1\r\nHost: %s\r\n\r\n",
             path, with, host);
    return exchange(connected(), request);
}

static bool
is(const char *answer, int status)
{
    return atoi(answer + sizeof "HTTP/1.1") == status;
}

static void
test_live_view_shows_every_task(void **state)
{
    (void)state;
    char with[96];
    snprintf(with, sizeof with, "?token=%s", token);
    const char *page = ask("/", with, "127.0.0.1:1");
    assert_true(is(page, 200));
    assert_non_null(strstr(page, "Who waits for whom"));

    bide_loop *l;
    assert_int_equal(bide_loop_new(NULL, &l), 0);
    const char *json = ask("/state.json", with, "localhost");
    assert_true(is(json, 200));
    assert_non_null(strstr(json, "\r\n\r\n{\"dump\":{\"bide\":\""));
    assert_non_null(strstr(json, "\"language\":\"C\""));
    assert_non_null(strstr(json, ",\"stats\":{\"runtimes\":[{\"id\":"));
    assert_true(is(ask("/dump.txt", with, "[::1]:80"), 200));
    assert_true(is(ask("/none", with, "localhost"), 404));
    assert_int_equal(bide_loop_close(l, 0, NULL, NULL), 0);
    bide_loop_unref(l);
}

static void
test_live_view_serves_metrics(void **state)
{
    (void)state;
    char with[96];
    snprintf(with, sizeof with, "?token=%s", token);
    const char *metrics = ask("/metrics", with, "localhost");
    assert_true(is(metrics, 200));
    assert_non_null(strstr(metrics, "Content-Type: application/openmetrics-text"
                                    "; version=1.0.0; charset=utf-8\r\n"));
    assert_string_equal(metrics + strlen(metrics) - 6, "# EOF\n");
}

static void
test_live_view_needs_its_token(void **state)
{
    (void)state;
    char with[96];
    assert_true(is(ask("/", "", "localhost"), 403));
    assert_true(is(ask("/state.json", "?token=", "localhost"), 403));
    snprintf(with, sizeof with, "?token=%sx", token);
    assert_true(is(ask("/", with, "localhost"), 403));
    snprintf(with, sizeof with, "?token=%.31s", token);
    assert_true(is(ask("/", with, "localhost"), 403));
    snprintf(with, sizeof with, "?a=b&token=%s", token);
    assert_true(is(ask("/", with, "localhost"), 200));
    /* A page of somebody else's whose name leads here. */
    assert_true(is(ask("/", with, "evil.example"), 421));
    assert_true(is(ask("/", with, "localhost.evil.example"), 421));
}

static void
test_live_view_survives_bad_requests(void **state)
{
    (void)state;
    char longer[10000];
    assert_true(is(exchange(connected(), "POST / HTTP/1.1\r\n\r\n"), 405));
    assert_true(is(exchange(connected(), "nonsense\r\n\r\n"), 405));
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    close(connected());
    assert_string_equal(exchange(connected(), longer), "");
    assert_true(is(ask("/", "", "localhost"), 403));
}

static void
test_live_view_is_told_to_its_user_alone(void **state)
{
    (void)state;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct stat is_there;
    assert_int_equal(
        bide_inspector_path((long)getpid(), a.sun_path, sizeof a.sun_path), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_true(is(exchange(fd, "GET /state.json HTTP/1.1\r\n\r\n"), 200));

    bide_inspect_stop();
    assert_int_equal(stat(a.sun_path, &is_there), -1);
    *strrchr(a.sun_path, '/') = '\0';
    assert_int_equal(stat(a.sun_path, &is_there), 0);
    assert_int_equal(is_there.st_mode & 077, 0);
    assert_int_equal(start(NULL), 0);
}

static void
test_live_view_stays_on_this_machine(void **state)
{
    (void)state;
    char again[128], small[8];
    /* There is one: its address is given again. */
    assert_int_equal(bide_inspect("127.0.0.1:0", again, sizeof again), 0);
    assert_string_equal(again, url);
    assert_int_equal(bide_inspect("127.0.0.1:0", small, sizeof small),
                     BIDE_EINVALID);
    bide_inspect_stop();
    static const char *const wrong[] = {
        "0.0.0.0:0", "192.168.0.1:80", "", "127.0.0.1:", "127.0.0.1:70000",
        "[::]:0",    "example.com:80"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(bide_inspect(wrong[i], again, sizeof again),
                         BIDE_EINVALID);
    assert_int_equal(start(NULL), 0);
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    int was = port;
    bide_inspect_stop();
    assert_int_equal(bide_inspect(address, url, sizeof url), 0);
    assert_int_equal(atoi(strrchr(url, ':') + 1), was);
    token = strstr(url, "token=") + 6;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live_view_shows_every_task),
        cmocka_unit_test(test_live_view_serves_metrics),
        cmocka_unit_test(test_live_view_needs_its_token),
        cmocka_unit_test(test_live_view_survives_bad_requests),
        cmocka_unit_test(test_live_view_is_told_to_its_user_alone),
        cmocka_unit_test(test_live_view_stays_on_this_machine),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
