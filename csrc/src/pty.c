#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "loop.h"
#include "pipe.h"
#include "stream_state.h"

enum { ROWS = 24, COLUMNS = 80, NAME_ROOM = 128 };

static int
open_slave(int master)
{
    char name[NAME_ROOM];
    if (grantpt(master) || unlockpt(master))
        return -errno;
#ifdef __linux__
    int rc = ptsname_r(master, name, sizeof name);
    if (rc)
        return -rc;
    int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
#else
    (void)name;
    int fd = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
#endif
    return fd < 0 ? -errno : fd;
}

static int
open_master(void)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == EINVAL) { /* O_CLOEXEC is not everywhere */
        fd = posix_openpt(O_RDWR | O_NOCTTY);
        if (fd >= 0)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return fd < 0 ? -errno : fd;
}

int
bide__pty_open(bide_loop *l, unsigned short rows, unsigned short columns,
               bide_stream **master, int *slave)
{
    struct winsize size = {.ws_row = rows ? rows : ROWS,
                           .ws_col = columns ? columns : COLUMNS};
    int fd = open_master();
    if (fd < 0)
        return fd;
    int other = open_slave(fd);
    int rc = other < 0 ? other : 0;
    if (rc == 0 && ioctl(other, TIOCSWINSZ, &size))
        rc = -errno;
    if (rc == 0)
        rc = bide__pipe_adopt(l, fd, master);
    if (rc) {
        close(fd);
        if (other >= 0)
            close(other);
        return rc;
    }
    (*master)->terminal = true;
    *slave = other;
    return 0;
}
