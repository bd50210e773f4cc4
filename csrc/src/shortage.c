/* When a loop around accept goes on that the system has no descriptors or no
 * memory for. */
#include "loop.h"

enum { MS = 1000 * 1000 };

static const int64_t shortest = INT64_C(10) * MS, longest = INT64_C(250) * MS,
                     quiet = INT64_C(10000) * MS;

/* What comes to an end by itself. */
static bool
is_shortage(int error)
{
    switch (error) {
    case UV_EMFILE:
    case UV_ENFILE:
    case UV_ENOBUFS:
    case UV_ENOMEM:
    case BIDE_ENOMEMORY:
        return true;
    default:
        return false;
    }
}

int64_t
bide_shortage_retry(bide_shortage *s, bide_loop *l, int error, bool *tell)
{
    int64_t now = bide_loop_now(l, true);
    *tell = false;
    if (!is_shortage(error))
        return 0;
    *tell = !s->pause && now >= s->quiet_until;
    if (*tell)
        s->quiet_until = now + quiet;
    s->pause = !s->pause                ? shortest
               : s->pause < longest / 2 ? 2 * s->pause
                                        : longest;
    return now + s->pause;
}

void
bide_shortage_over(bide_shortage *s)
{
    s->pause = 0;
}
