#include "unix_file.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket.h"

static bool
is_same(const char *path, dev_t device, ino_t inode)
{
    struct stat now;
    return lstat(path, &now) == 0 && now.st_dev == device &&
           now.st_ino == inode;
}

/* Only the system knows whether anybody listens, and tells who connects. A
 * listener sees a connection that ends at once. */
static bool
is_refused(const bide__sockaddr *a, socklen_t size)
{
    int fd = bide__socket_open(AF_UNIX, SOCK_STREAM);
    if (fd < 0)
        return false;
    bool refused = connect(fd, &a->any, size) && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

/* 0: a stale file was in the way, and is gone. */
static int
remove_stale(const bide__sockaddr *a, socklen_t size)
{
    const char *path = a->local.sun_path;
    struct stat found;
    if (lstat(path, &found) || !S_ISSOCK(found.st_mode) ||
        !is_refused(a, size) || !is_same(path, found.st_dev, found.st_ino))
        return UV_EADDRINUSE;
    return unlink(path) && errno != ENOENT ? -errno : 0;
}

/* The file is made with the mode of the socket less the umask, at least on
 * Linux: at no time is it open to more than it is to be. */
static int
bind_file(int fd, const bide__sockaddr *a, socklen_t size, int mode)
{
    if (mode)
        (void)fchmod(fd, (mode_t)mode);
    if (bind(fd, &a->any, size) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -errno;
    int rc = remove_stale(a, size);
    if (rc)
        return rc;
    return bind(fd, &a->any, size) ? -errno : 0;
}

int
bide__unix_bind(int fd, const char *path, int mode, bide__unix_file *out)
{
    bide__sockaddr a;
    struct stat made;
    int size = bide__address_unix(path, &a);
    memset(out, 0, sizeof *out);
    if (size < 0)
        return size;
    if (*path == '@')
        return bind(fd, &a.any, (socklen_t)size) ? -errno : 0;
    int rc = bind_file(fd, &a, (socklen_t)size, mode);
    if (rc)
        return rc;
    if ((mode && chmod(path, (mode_t)mode)) || lstat(path, &made)) {
        rc = -errno;
        unlink(path);
        return rc;
    }
    memcpy(out->path, a.local.sun_path, sizeof out->path);
    out->device = made.st_dev;
    out->inode = made.st_ino;
    return 0;
}

void
bide__unix_remove(bide__unix_file *f)
{
    if (*f->path && is_same(f->path, f->device, f->inode))
        unlink(f->path);
}
