#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#ifdef __linux__
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#if defined(SYS_openat2) && defined(RWF_NOWAIT)
#include <linux/magic.h>
#include <linux/openat2.h>
#endif
#endif

/* -- calls that may block ------------------------------------------------- */

static int
read_some(bide__disk *d)
{
    ssize_t n;
    do {
        char *at = d->block + d->done;
        size_t len = d->len - d->done;
        n = d->placed ? pread(d->fd, at, len, d->offset + (int64_t)d->done)
                      : read(d->fd, at, len);
        if (n > 0)
            d->done += (size_t)n;
        /* A pipe or terminal gives what it has. */
    } while ((n > 0 && d->placed && d->done < d->len) ||
             (n < 0 && errno == EINTR));
    return n < 0 && d->done == 0 ? -errno : 0;
}

static int
write_all(bide__disk *d)
{
    while (d->done < d->len) {
        const char *at = d->block + d->done;
        size_t len = d->len - d->done;
        ssize_t n = d->placed
                        ? pwrite(d->fd, at, len, d->offset + (int64_t)d->done)
                        : write(d->fd, at, len);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            d->done += (size_t)n;
    }
    return 0;
}

/* Where an appending write ended is known to the system alone. */
static int
write_block(bide__disk *d)
{
    int rc = write_all(d);
    d->end = d->placed ? -1 : (int64_t)lseek(d->fd, 0, SEEK_CUR);
    return rc;
}

static int
find_end(bide__disk *d)
{
    d->end = (int64_t)lseek(d->fd, 0, SEEK_END);
    return d->end < 0 ? -errno : 0;
}

static int
sync_data(int fd)
{
#ifdef __APPLE__
    return fsync(fd);
#else
    return fdatasync(fd);
#endif
}

static int
stat_file(bide__disk *d)
{
    struct stat s;
    if (fstat(d->fd, &s))
        return -errno;
    bide__disk_stat(&s, (bide_stat *)(void *)d->block);
    return 0;
}

static int
call(bide__disk *d)
{
    switch (d->code) {
    case BIDE__DISK_READ:
        return read_some(d);
    case BIDE__DISK_WRITE:
        return write_block(d);
    case BIDE__DISK_END:
        return find_end(d);
    case BIDE__DISK_TRUNCATE:
        return ftruncate(d->fd, d->offset) ? -errno : 0;
    case BIDE__DISK_SYNC:
        return fsync(d->fd) ? -errno : 0;
    case BIDE__DISK_SYNC_DATA:
        return sync_data(d->fd) ? -errno : 0;
    case BIDE__DISK_STAT:
        return stat_file(d);
    default: /* EINTR: Linux has closed it all the same */
        return close(d->fd) && errno != EINTR ? -errno : 0;
    }
}

void
bide__disk_run(bide__disk *d)
{
    d->status = call(d);
}

static int64_t
to_ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void
bide__disk_stat(const struct stat *from, bide_stat *to)
{
    *to = (bide_stat){
        .mode = from->st_mode,
        .ino = from->st_ino,
        .dev = from->st_dev,
        .rdev = from->st_rdev,
        .nlink = from->st_nlink,
        .uid = from->st_uid,
        .gid = from->st_gid,
        .size = (int64_t)from->st_size,
        .blksize = (int64_t)from->st_blksize,
        .blocks = (int64_t)from->st_blocks,
#ifdef __APPLE__
        .atime = to_ns(from->st_atimespec),
        .mtime = to_ns(from->st_mtimespec),
        .ctime = to_ns(from->st_ctimespec),
#else
        .atime = to_ns(from->st_atim),
        .mtime = to_ns(from->st_mtim),
        .ctime = to_ns(from->st_ctim),
#endif
    };
}

/* -- opening -------------------------------------------------------------- */

int
bide__disk_look(int fd, bide__opened *out)
{
    struct stat s;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fstat(fd, &s))
        return -errno;
    if (S_ISDIR(s.st_mode))
        return UV_EISDIR;
    bool placed = S_ISREG(s.st_mode) || S_ISBLK(s.st_mode);
    *out = (bide__opened){
        .fd = fd, .placed = placed, .append = (flags & O_APPEND) != 0};
    if (placed)
        out->position =
            (int64_t)lseek(fd, 0, out->append ? SEEK_END : SEEK_CUR);
    return out->position < 0 ? -errno : 0;
}

int
bide__disk_open(const char *path, int flags, int mode, bide__opened *out)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -errno;
    int rc = bide__disk_look(fd, out);
    if (rc)
        close(fd);
    return rc;
}

/* -- what is in memory ---------------------------------------------------- */

#if defined(__linux__) && defined(SYS_openat2) && defined(RWF_NOWAIT)

/* Once the system does not know a call it is not asked again. */
static atomic_bool no_open, no_read;

static int
open_cached(const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_CACHED};
    long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd >= 0)
        return (int)fd;
    if (errno == ENOSYS || errno == EINVAL || errno == EPERM)
        atomic_store(&no_open, errno != EPERM);
    return UV_EAGAIN;
}

/* Where opening a known file asks nobody else. */
static bool
is_local(int fd)
{
    struct statfs s;
    if (fstatfs(fd, &s))
        return false;
    switch ((unsigned long)s.f_type) {
    case EXT4_SUPER_MAGIC:
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case TMPFS_MAGIC:
        return true;
    default:
        return false;
    }
}

/* A pipe or device would block, or act, when it is opened: a look first. */
static int
probe(const char *path, struct stat *s)
{
    int fd = open_cached(path, O_PATH);
    if (fd < 0)
        return fd;
    int rc = fstat(fd, s) == 0 && S_ISREG(s->st_mode) && is_local(fd)
                 ? 0
                 : UV_EAGAIN;
    close(fd);
    return rc;
}

int
bide__disk_open_cached(const char *path, int flags, bide__opened *out)
{
    struct stat before, now;
    if ((flags & ~O_CLOEXEC) != O_RDONLY || atomic_load(&no_open) ||
        probe(path, &before))
        return UV_EAGAIN;
    int fd = open_cached(path, flags | O_NONBLOCK);
    if (fd < 0)
        return fd;
    if (fstat(fd, &now) || now.st_ino != before.st_ino ||
        now.st_dev != before.st_dev) {
        close(fd);
        return UV_EAGAIN;
    }
    *out = (bide__opened){.fd = fd, .placed = true, .local = true};
    return 0;
}

int64_t
bide__disk_read_cached(int fd, void *block, size_t len, int64_t offset)
{
    struct iovec to = {.iov_base = block, .iov_len = len};
    struct stat s;
    if (atomic_load_explicit(&no_read, memory_order_relaxed))
        return UV_EAGAIN;
    ssize_t n = preadv2(fd, &to, 1, offset, RWF_NOWAIT);
    if (n > 0)
        return n;
    if (n < 0) {
        if (errno == ENOSYS)
            atomic_store(&no_read, true);
        return UV_EAGAIN;
    }
    /* Linux 5.9 and 5.10 say 0 for what is not in memory, too. */
    return fstat(fd, &s) == 0 && s.st_size <= offset ? 0 : UV_EAGAIN;
}

#else

int
bide__disk_open_cached(const char *path, int flags, bide__opened *out)
{
    (void)path;
    (void)flags;
    (void)out;
    return UV_EAGAIN;
}

int64_t
bide__disk_read_cached(int fd, void *block, size_t len, int64_t offset)
{
    (void)fd;
    (void)block;
    (void)len;
    (void)offset;
    return UV_EAGAIN;
}

#endif
