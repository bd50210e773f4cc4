#include "write_all.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>
#include <uv.h>

#define MS UINT64_C(1000000)
#define PATIENCE (500 * MS)

/* False: it is too late. A signal may end the wait early; the write that
 * follows finds out. */
static bool
wait_for_room(int fd, uint64_t until)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    uint64_t now = uv_hrtime();
    if (now >= until)
        return false;
    return poll(&room, 1, (int)((until - now) / MS) + 1) >= 0 || errno == EINTR;
}

int
bide__write_all(int fd, const char *at, size_t n)
{
    uint64_t until = uv_hrtime() + PATIENCE;
    while (n > 0) {
        ssize_t written = write(fd, at, n);
        if (written > 0) {
            at += written;
            n -= (size_t)written;
            until = uv_hrtime() + PATIENCE;
        } else if (written < 0 && errno == EAGAIN) {
            if (!wait_for_room(fd, until))
                return UV_EAGAIN;
        } else if (written < 0 && errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}
