#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "write_all.h"

enum { PIECE = 128 * 1024 };

static int
failed(void)
{
    return -errno;
}

/* -- removing ------------------------------------------------------------- */

static int remove_at(int parent, const char *name);

/* The descriptor is closed with the directory. */
static int
empty_out(int fd)
{
    DIR *d = fdopendir(fd);
    struct dirent *e;
    int rc = 0;
    if (!d) {
        rc = failed();
        close(fd);
        return rc;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    while ((errno = 0, e = readdir(d))) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        int one = remove_at(dirfd(d), e->d_name);
        if (rc == 0)
            rc = one;
    }
    closedir(d);
    return rc;
}

/* Down by descriptors, so that a link put in the way leads nowhere else. */
static int
remove_at(int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0)
        return 0;
    int error = failed();
    if (error != -EISDIR && error != -EPERM)
        return error;
    int fd =
        openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOTDIR ? error : failed();
    int rc = empty_out(fd);
    if (unlinkat(parent, name, AT_REMOVEDIR) && rc == 0)
        rc = failed();
    return rc;
}

int
bide__tree_remove(const char *path)
{
    return remove_at(AT_FDCWD, path);
}

/* -- making --------------------------------------------------------------- */

static int
make_one(const char *path, int mode)
{
    struct stat s;
    if (mkdir(path, (mode_t)mode) == 0)
        return 0;
    int error = failed();
    bool there = error == -EEXIST && stat(path, &s) == 0 && S_ISDIR(s.st_mode);
    return there ? 0 : error;
}

int
bide__tree_mkdirs(const char *path, int mode)
{
    char *copy = bide__strdup(path);
    int rc = copy ? 0 : BIDE_ENOMEMORY;
    for (char *at = copy; rc == 0 && at && (at = strchr(at + 1, '/'));) {
        *at = '\0';
        rc = make_one(copy, 0777);
        *at = '/';
    }
    bide__free(copy);
    return rc ? rc : make_one(path, mode);
}

/* -- whole files ---------------------------------------------------------- */

/* The name beside `path` under which it comes to be; to be freed. */
static char *
beside(const char *path)
{
    static const char suffix[] = ".XXXXXX";
    size_t n = strlen(path);
    char *name = bide__realloc(NULL, n + sizeof suffix);
    if (name) {
        memcpy(name, path, n);
        memcpy(name + n, suffix, sizeof suffix);
    }
    return name;
}

static int
settle(int fd, const char *name, const char *path, int mode)
{
    struct stat s;
    int rc = stat(path, &s) == 0 ? fchmod(fd, s.st_mode & 07777)
                                 : fchmod(fd, (mode_t)mode);
    if (rc || fsync(fd) || rename(name, path))
        return failed();
    return 0;
}

static int
replace(const char *path, const char *data, size_t len, int mode)
{
    char *name = beside(path);
    if (!name)
        return BIDE_ENOMEMORY;
    int fd = mkstemp(name);
    int rc = fd < 0 ? failed() : 0;
    if (fd >= 0) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        rc = bide__write_all(fd, data, len);
        if (rc == 0)
            rc = settle(fd, name, path, mode);
        close(fd);
        if (rc)
            unlink(name);
    }
    bide__free(name);
    return rc;
}

int
bide__tree_write(const char *path, const char *data, size_t len, int how,
                 int mode)
{
    if (how == BIDE_FS_REPLACE)
        return replace(path, data, len, mode);
    int more = how == BIDE_FS_APPEND ? O_APPEND : O_TRUNC;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | more, mode);
    if (fd < 0)
        return failed();
    int rc = bide__write_all(fd, data, len);
    if (close(fd) && rc == 0 && errno != EINTR)
        rc = failed();
    return rc;
}

/* Reads to the end of `fd`, of which about `guess` bytes are expected. */
static int
read_all(int fd, size_t guess, void **out, size_t *size)
{
    size_t room = guess + 1, done = 0;
    char *block = bide__realloc(NULL, room);
    while (block) {
        ssize_t n = read(fd, block + done, room - done);
        if (n == 0) {
            *out = block;
            *size = done;
            return 0;
        }
        if (n < 0 && errno != EINTR) {
            bide__free(block);
            return failed();
        }
        done += n > 0 ? (size_t)n : 0;
        if (done < room)
            continue;
        room *= 2;
        char *more = bide__realloc(block, room);
        if (!more)
            bide__free(block);
        block = more;
    }
    return BIDE_ENOMEMORY;
}

int
bide__tree_read(const char *path, void **out, size_t *size)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed();
    int rc = fstat(fd, &s) ? failed() : 0;
    size_t guess = s.st_size > 0 ? (size_t)s.st_size : PIECE;
    if (rc == 0)
        rc = read_all(fd, guess, out, size);
    close(fd);
    return rc;
}

/* -- copying -------------------------------------------------------------- */

static int
copy_by_hand(int from, int to)
{
    char *piece = bide__realloc(NULL, PIECE);
    int rc = piece ? 0 : BIDE_ENOMEMORY;
    ssize_t n = 1;
    while (rc == 0 && n != 0) {
        n = read(from, piece, PIECE);
        if (n > 0)
            rc = bide__write_all(to, piece, (size_t)n);
        else if (n < 0 && errno != EINTR)
            rc = failed();
    }
    bide__free(piece);
    return rc;
}

/* Where the system cannot copy between the two, it says so at once. */
static int
copy_bytes(int from, int to)
{
#ifdef __linux__
    ssize_t n;
    do {
        n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);
    } while (n > 0 || (n < 0 && errno == EINTR));
    if (n < 0 && errno == ENOSPC)
        return failed();
#endif
    return copy_by_hand(from, to); /* what is left, if anything */
}

static int
copy_open(int in, const char *to)
{
    struct stat s, t;
    if (fstat(in, &s))
        return failed();
    if (S_ISDIR(s.st_mode))
        return -EISDIR;
    if (stat(to, &t) == 0 && t.st_ino == s.st_ino && t.st_dev == s.st_dev)
        return -EINVAL; /* onto itself */
    int out =
        open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, s.st_mode & 0777);
    if (out < 0)
        return failed();
    int rc = copy_bytes(in, out);
    if (rc == 0 && fchmod(out, s.st_mode & 07777))
        rc = failed();
    if (close(out) && rc == 0 && errno != EINTR)
        rc = failed();
    return rc;
}

int
bide__tree_copy(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return failed();
    int rc = copy_open(in, to);
    close(in);
    return rc;
}

/* -- directories ---------------------------------------------------------- */

static char
type_at(int dir, const struct dirent *e)
{
    struct stat s;
    switch (e->d_type) {
    case DT_REG:
        return 'f';
    case DT_DIR:
        return 'd';
    case DT_LNK:
        return 'l';
    case DT_UNKNOWN: /* some file systems do not tell */
        if (fstatat(dir, e->d_name, &s, AT_SYMLINK_NOFOLLOW))
            return 'o';
        return S_ISREG(s.st_mode)   ? 'f'
               : S_ISDIR(s.st_mode) ? 'd'
               : S_ISLNK(s.st_mode) ? 'l'
                                    : 'o';
    default:
        return 'o';
    }
}

/* Names and types one after the other: 't', "name\0". */
typedef struct names {
    char *bytes;
    size_t len, room, count;
} names;

static int
add_name(names *all, const char *name, char type)
{
    size_t n = strlen(name) + 2;
    if (all->room - all->len < n) {
        size_t room = 2 * all->room + 4096;
        char *more = bide__realloc(all->bytes, room);
        if (!more)
            return BIDE_ENOMEMORY;
        all->bytes = more;
        all->room = room;
    }
    all->bytes[all->len] = type;
    memcpy(all->bytes + all->len + 1, name, n - 1);
    all->len += n;
    all->count++;
    return 0;
}

/* Up to `limit` of them. */
static int
collect(DIR *d, size_t limit, names *all)
{
    struct dirent *e = NULL;
    int rc = 0;
    while (rc == 0 && all->count < limit) {
        errno = 0;
        e = readdir(d); /* NOLINT(concurrency-mt-unsafe): d is one thread's */
        if (!e)
            return failed();
        /* NOLINTNEXTLINE(bugprone-suspicious-string-compare) */
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            rc = add_name(all, e->d_name, type_at(dirfd(d), e));
    }
    return rc;
}

static int
arrange(const names *all, void **out)
{
    size_t table = all->count * sizeof(bide_entry);
    bide_entry *list = bide__realloc(NULL, table + all->len + 1);
    if (!list)
        return BIDE_ENOMEMORY;
    char *at = (char *)list + table;
    if (all->len)
        memcpy(at, all->bytes, all->len);
    for (size_t i = 0; i < all->count; i++) {
        list[i] = (bide_entry){.name = at + 1, .type = *at};
        at += strlen(at + 1) + 2;
    }
    *out = list;
    return 0;
}

int
bide__tree_open(const char *path, DIR **out)
{
    *out = opendir(path);
    return *out ? 0 : failed();
}

int
bide__tree_next(DIR *d, size_t limit, void **out, size_t *count)
{
    names all = {NULL, 0, 0, 0};
    long start = telldir(d);
    int rc = collect(d, limit, &all);
    if (rc == 0)
        rc = arrange(&all, out);
    if (rc)
        seekdir(d, start);
    *count = all.count;
    bide__free(all.bytes);
    return rc;
}

int
bide__tree_scan(const char *path, void **out, size_t *count)
{
    DIR *d;
    int rc = bide__tree_open(path, &d);
    if (rc)
        return rc;
    rc = bide__tree_next(d, SIZE_MAX, out, count);
    closedir(d);
    return rc;
}
