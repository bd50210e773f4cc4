/* Elsewhere: libuv's watch of a directory. It tells that something became of a
 * name and not what: a look tells whether it is there now. What cannot be told
 * is an overflow. */
#include "notify.h"

#ifndef BIDE__INOTIFY

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "alloc.h"

enum { MOST = 16384 };

int
bide__notify_open(const char *path, int *fd)
{
    struct stat s;
    *fd = -1;
    if (stat(path, &s))
        return -errno;
    return S_ISDIR(s.st_mode) ? 0 : UV_ENOTDIR;
}

/* -- what has happened ---------------------------------------------------- */

static bool
look(const char *folder, const char *name, struct stat *s)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return lstat(path, s) == 0;
}

static bide_change *
change_of(const bide__notify *n, const char *name, int events)
{
    struct stat s;
    if (stat(n->path, &s))
        return bide__change_new(BIDE_CHANGE_GONE, false, "", NULL);
    bool there = look(n->path, name, &s);
    int kind = !there               ? BIDE_CHANGE_REMOVED
               : events & UV_RENAME ? BIDE_CHANGE_CREATED
                                    : BIDE_CHANGE_MODIFIED;
    return bide__change_new(kind, there && S_ISDIR(s.st_mode), name, NULL);
}

static void
on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    bide__notify *n = bide__of(event, bide__notify, event);
    bide_change *c = NULL;
    if (name && status == 0 && n->count < MOST && !n->lost)
        c = change_of(n, name, events);
    if (!c) {
        n->lost = true;
    } else {
        *(n->last ? &n->last->next : &n->first) = c;
        n->last = c;
        n->count++;
    }
    if (n->listening)
        n->listening = n->told(n);
}

int
bide__notify_next(bide__notify *n, bool patient, bide_change **out)
{
    (void)patient;
    bide_change *c = n->first;
    if (c) {
        n->first = c->next;
        n->last = n->first ? n->last : NULL;
        n->count--;
        c->next = NULL;
    } else if (n->lost) {
        c = bide__change_new(BIDE_CHANGE_OVERFLOW, false, "", NULL);
        if (!c)
            return BIDE_ENOMEMORY;
        n->lost = false;
    }
    *out = c;
    return c ? 0 : UV_EAGAIN;
}

/* -- life ----------------------------------------------------------------- */

static void
forget(bide__notify *n)
{
    bide_changes_free(n->first);
    bide__free(n->path);
}

static void
on_closed(uv_handle_t *handle)
{
    bide__notify *n = bide__of(handle, bide__notify, event);
    forget(n);
    n->gone(n);
}

int
bide__notify_init(bide__notify *n, bide_loop *l, const char *path, int fd)
{
    (void)fd;
    n->path = bide__strdup(path);
    if (!n->path)
        return BIDE_ENOMEMORY;
    int rc = uv_fs_event_init(&l->uv, &n->event);
    if (rc)
        bide__free(n->path);
    return rc;
}

int
bide__notify_start(bide__notify *n)
{
    return uv_fs_event_start(&n->event, on_event, n->path, 0);
}

int
bide__notify_listen(bide__notify *n)
{
    n->listening = true;
    return 0;
}

void
bide__notify_close(bide__notify *n)
{
    uv_close((uv_handle_t *)&n->event, on_closed);
}

#else

/* An empty file is none in C. */
typedef int bide__inotify_it_is;

#endif
