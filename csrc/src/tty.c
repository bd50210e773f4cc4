/* Terminals: size, raw mode, and pairs of them. */
#include <errno.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "mended.h"
#include "pipe.h"
#include "pty.h"
#include "stream_state.h"

bool
bide_stream_is_tty(const bide_stream *s)
{
    int fd = bide_stream_fd(s);
    return fd >= 0 && isatty(fd);
}

int
bide_tty_size(const bide_stream *s, unsigned short *rows,
              unsigned short *columns)
{
    struct winsize size;
    int fd = bide_stream_fd(s);
    if (fd < 0)
        return fd;
    if (ioctl(fd, TIOCGWINSZ, &size))
        return -errno;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return 0;
}

int
bide_tty_resize(bide_stream *s, unsigned short rows, unsigned short columns)
{
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    int fd = bide_stream_fd(s);
    if (fd < 0)
        return fd;
    return ioctl(fd, TIOCSWINSZ, &size) ? -errno : 0;
}

int
bide_tty_raw(bide_stream *s, bool on)
{
    int fd = bide_stream_fd(s);
    if (fd < 0)
        return fd;
    if (!isatty(fd))
        return -ENOTTY;
    if (on == (s->raw != 0))
        return 0;
    if (!on) {
        bide__mended_cook(s->raw);
        s->raw = 0;
        return 0;
    }
    int slot = bide__mended_raw(fd);
    if (slot < 0)
        return slot;
    s->raw = (unsigned char)slot;
    return 0;
}

int
bide_pty_open(bide_loop *l, unsigned short rows, unsigned short columns,
              bide_stream *out[2])
{
    int fd;
    bide_stream *master;
    if (bide_loop_closed(l))
        return BIDE_ECLOSED;
    int rc = bide__pty_open(l, rows, columns, &master, &fd);
    if (rc)
        return rc;
    rc = bide__pipe_adopt(l, fd, &out[1]);
    if (rc) {
        close(fd);
        bide_stream_unref(master);
        return rc;
    }
    out[1]->terminal = true;
    out[0] = master;
    return 0;
}
