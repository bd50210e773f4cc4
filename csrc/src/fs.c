/* The file system: each operation is an errand with a path or two. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "disk.h"
#include "errand.h"
#include "tree.h"
#include "wait.h"

typedef struct request {
    bide__errand errand;
    const char *from, *to; /* in `bytes` */
    const char *data;
    size_t len;
    int64_t a, b; /* arguments: modes, flags, times */
    char bytes[];
} request;

static request *
of(bide__errand *e)
{
    return bide__of(e, request, errand);
}

static int
status(int rc)
{
    return rc ? -errno : 0;
}

/* A request with copies of the strings; NULL: out of memory. `to` and `data`
 * may be NULL. */
static request *
new_request(const char *name, int (*run)(bide__errand *e), const char *from,
            const char *to, const char *data, size_t len)
{
    size_t n = strlen(from) + 1, m = to ? strlen(to) + 1 : 0;
    if (len > SIZE_MAX / 2)
        return NULL;
    request *r = bide__errand_new(sizeof *r + n + m + len, name, run);
    if (!r)
        return NULL;
    r->from = memcpy(r->bytes, from, n);
    if (to)
        r->to = memcpy(r->bytes + n, to, m);
    if (len)
        r->data = memcpy(r->bytes + n + m, data, len);
    r->len = len;
    return r;
}

/* Starts what only looks, or, if `changes`, what is not abandoned. */
static int
start(request *r, bool changes, bide_wait *w)
{
    if (!r)
        return BIDE_ENOMEMORY;
    r->errand.changes = changes;
    return bide__errand_start(&r->errand, &bide__errand_kind, w);
}

/* What changes what is at `path`. */
static int
start_one(const char *name, int (*run)(bide__errand *e), const char *path,
          int64_t a, bide_wait *w)
{
    if (!path)
        return BIDE_EINVALID;
    request *r = new_request(name, run, path, NULL, NULL, 0);
    if (r)
        r->a = a;
    return start(r, true, w);
}

/* What changes something with two names. */
static int
start_two(const char *name, int (*run)(bide__errand *e), const char *from,
          const char *to, bide_wait *w)
{
    if (!from || !to)
        return BIDE_EINVALID;
    return start(new_request(name, run, from, to, NULL, 0), true, w);
}

/* -- what only looks ------------------------------------------------------ */

static int
run_stat(bide__errand *e)
{
    struct stat s;
    const request *r = of(e);
    if (r->a ? stat(r->from, &s) : lstat(r->from, &s))
        return -errno;
    e->result = bide__alloc(sizeof(bide_stat));
    if (!e->result)
        return BIDE_ENOMEMORY;
    bide__disk_stat(&s, e->result);
    return 0;
}

int
bide_fs_stat(const char *path, bool follow, bide_wait *w)
{
    if (!path)
        return BIDE_EINVALID;
    request *r = new_request("stat", run_stat, path, NULL, NULL, 0);
    if (r)
        r->a = follow;
    return start(r, false, w);
}

static int
run_readlink(bide__errand *e)
{
    char text[4096];
    ssize_t n = readlink(of(e)->from, text, sizeof text - 1);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    e->result = bide__strdup(text);
    e->size = (size_t)n;
    return e->result ? 0 : BIDE_ENOMEMORY;
}

int
bide_fs_readlink(const char *path, bide_wait *w)
{
    if (!path)
        return BIDE_EINVALID;
    return start(new_request("readlink", run_readlink, path, NULL, NULL, 0),
                 false, w);
}

static int
run_scan(bide__errand *e)
{
    return bide__tree_scan(of(e)->from, &e->result, &e->size);
}

int
bide_fs_scan(const char *path, bide_wait *w)
{
    if (!path)
        return BIDE_EINVALID;
    return start(new_request("scan", run_scan, path, NULL, NULL, 0), false, w);
}

static int
run_read_file(bide__errand *e)
{
    return bide__tree_read(of(e)->from, &e->result, &e->size);
}

enum { SMALL = 64 * 1024 };

/* A small file that the system has in memory takes no thread. UV_EAGAIN: it
 * cannot be told. */
static int
read_now(const char *path, void **out, size_t *size)
{
    bide__opened opened;
    int rc = bide__disk_open_cached(path, O_RDONLY, &opened);
    if (rc)
        return rc;
    char *block = bide__realloc(NULL, SMALL);
    int64_t n = block ? 1 : 0;
    size_t done = 0;
    while (n > 0 && done < SMALL) {
        n = bide__disk_read_cached(opened.fd, block + done, SMALL - done,
                                   (int64_t)done);
        done += n > 0 ? (size_t)n : 0;
    }
    close(opened.fd);
    *out = block;
    *size = done;
    if (block && n == 0)
        return 0;
    bide__free(block);
    return block ? UV_EAGAIN : BIDE_ENOMEMORY;
}

int
bide_fs_read_file(const char *path, bide_wait *w)
{
    void *block;
    size_t size;
    if (!path)
        return BIDE_EINVALID;
    int rc = bide__wait_refused(w->task);
    if (rc == 0)
        rc = read_now(path, &block, &size);
    if (rc == 0) {
        w->value = BIDE_NO_VALUE;
        w->value.as.ptr = block;
        w->u.count = size;
        return bide__wait_done(w, &bide__errand_kind, NULL);
    }
    if (rc != UV_EAGAIN)
        return rc;
    return start(new_request("read", run_read_file, path, NULL, NULL, 0), false,
                 w);
}

/* -- what changes one path ------------------------------------------------ */

static int
run_mkdir(bide__errand *e)
{
    const request *r = of(e);
    return status(mkdir(r->from, (mode_t)r->a));
}

static int
run_mkdirs(bide__errand *e)
{
    return bide__tree_mkdirs(of(e)->from, (int)of(e)->a);
}

int
bide_fs_mkdir(const char *path, int mode, bool parents, bide_wait *w)
{
    return start_one("mkdir", parents ? run_mkdirs : run_mkdir, path, mode, w);
}

static int
run_rmdir(bide__errand *e)
{
    return status(rmdir(of(e)->from));
}

int
bide_fs_rmdir(const char *path, bide_wait *w)
{
    return start_one("rmdir", run_rmdir, path, 0, w);
}

static int
run_unlink(bide__errand *e)
{
    return status(unlink(of(e)->from));
}

int
bide_fs_unlink(const char *path, bide_wait *w)
{
    return start_one("unlink", run_unlink, path, 0, w);
}

static int
run_remove_tree(bide__errand *e)
{
    return bide__tree_remove(of(e)->from);
}

int
bide_fs_remove_tree(const char *path, bide_wait *w)
{
    return start_one("remove_tree", run_remove_tree, path, 0, w);
}

static int
run_chmod(bide__errand *e)
{
    return status(chmod(of(e)->from, (mode_t)of(e)->a));
}

int
bide_fs_chmod(const char *path, int mode, bide_wait *w)
{
    return start_one("chmod", run_chmod, path, mode, w);
}

static struct timespec
from_ns(int64_t ns)
{
    int64_t second = 1000000000, rest = ns % second;
    rest += rest < 0 ? second : 0;
    return (struct timespec){.tv_sec = (time_t)((ns - rest) / second),
                             .tv_nsec = (long)rest};
}

static int
run_utime(bide__errand *e)
{
    const request *r = of(e);
    struct timespec times[2] = {from_ns(r->a), from_ns(r->b)};
    return status(utimensat(AT_FDCWD, r->from, times, 0));
}

int
bide_fs_utime(const char *path, int64_t atime, int64_t mtime, bide_wait *w)
{
    if (!path)
        return BIDE_EINVALID;
    request *r = new_request("utime", run_utime, path, NULL, NULL, 0);
    if (r) {
        r->a = atime;
        r->b = mtime;
    }
    return start(r, true, w);
}

static int
run_write_file(bide__errand *e)
{
    const request *r = of(e);
    return bide__tree_write(r->from, r->data, r->len, (int)r->a, (int)r->b);
}

int
bide_fs_write_file(const char *path, const char *data, size_t len, int how,
                   int mode, bide_wait *w)
{
    if (!path || how < BIDE_FS_WRITE || how > BIDE_FS_REPLACE)
        return BIDE_EINVALID;
    request *r = new_request("write", run_write_file, path, NULL, data, len);
    if (r) {
        r->a = how;
        r->b = mode;
    }
    return start(r, true, w);
}

/* -- two paths ------------------------------------------------------------ */

static int
run_rename(bide__errand *e)
{
    return status(rename(of(e)->from, of(e)->to));
}

int
bide_fs_rename(const char *from, const char *to, bide_wait *w)
{
    return start_two("rename", run_rename, from, to, w);
}

static int
run_link(bide__errand *e)
{
    return status(link(of(e)->from, of(e)->to));
}

int
bide_fs_link(const char *from, const char *to, bide_wait *w)
{
    return start_two("link", run_link, from, to, w);
}

static int
run_symlink(bide__errand *e)
{
    return status(symlink(of(e)->from, of(e)->to));
}

int
bide_fs_symlink(const char *target, const char *path, bide_wait *w)
{
    return start_two("symlink", run_symlink, target, path, w);
}

static int
run_copy(bide__errand *e)
{
    return bide__tree_copy(of(e)->from, of(e)->to);
}

int
bide_fs_copy(const char *from, const char *to, bide_wait *w)
{
    return start_two("copy", run_copy, from, to, w);
}

/* -- temporary ------------------------------------------------------------ */

static int
make_temp(char *path, bool directory)
{
    if (directory)
        return mkdtemp(path) ? 0 : -errno;
    int fd = mkstemp(path);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static int
run_temp(bide__errand *e)
{
    const request *r = of(e);
    size_t n = strlen(r->from);
    char *path = bide__realloc(NULL, n + 7);
    if (!path)
        return BIDE_ENOMEMORY;
    memcpy(path, r->from, n);
    memcpy(path + n, "XXXXXX", 7);
    int rc = make_temp(path, r->a != 0);
    e->result = path;
    e->size = n + 6;
    return rc;
}

int
bide_fs_temp(const char *prefix, bool directory, bide_wait *w)
{
    return start_one("temp", run_temp, prefix, directory, w);
}
