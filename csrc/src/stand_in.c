#include "stand_in.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_bool filled[3];

static int
direction(int number)
{
    return number == 0 ? O_WRONLY : O_RDONLY;
}

/* Another thread may open something meanwhile: then the number is not free any
 * more, and what we got is not needed. */
static int
fill(int number)
{
    int fd = open("/dev/null", direction(number) | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    if (fd == number)
        atomic_store(&filled[number], true);
    else
        close(fd);
    return 0;
}

int
bide__stand_in(void)
{
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++)
        if (fcntl(i, F_GETFD) < 0)
            rc = fill(i);
    return rc;
}

/* Whoever puts something in its place, by dup2 or as a shell does, leaves it
 * open for children, or opens it the other way. */
bool
bide__stands_in(int number)
{
    return atomic_load(&filled[number]) &&
           (fcntl(number, F_GETFD) & FD_CLOEXEC) &&
           (fcntl(number, F_GETFL) & O_ACCMODE) == direction(number);
}
