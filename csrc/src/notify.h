/* What the system tells of a directory, behind one face: Linux's inotify, and
 * elsewhere what libuv has for it.
 *
 * Invariants
 * - Changes come out one at a time, and what has not been asked for stays where
 *   it is: so the system's own queue is the only one, and it alone overflows.
 * - Nothing is watched by the loop until somebody waits: see `listen`. */
#ifndef BIDE_NOTIFY_H
#define BIDE_NOTIFY_H

#include "loop.h"

#if defined(__linux__) && !defined(BIDE_WITHOUT_INOTIFY)
#define BIDE__INOTIFY 1
#endif

typedef struct bide__notify {
    /** Something may have arrived. False: nobody waits any more. */
    bool (*told)(struct bide__notify *n);
    /** The last call, after bide__notify_close. */
    void (*gone)(struct bide__notify *n);
    bool listening;
#ifdef BIDE__INOTIFY
    int fd;
    uv_poll_t poll;
    size_t head, tail; /* of the events in `bytes` */
    uint64_t bytes[2048];
#else
    uv_fs_event_t event;
    char *path;
    bide_change *first, *last;
    size_t count;
    bool lost; /* some were, since `last` */
#endif
} bide__notify;

/** Begins to watch: on a thread, as it may block. `*fd` is what
 * bide__notify_init takes, or to be closed; -1: nothing. */
int bide__notify_open(const char *path, int *fd);

/** On the loop's thread; after it, bide__notify_close is due. On error it is
 * not, and `fd` stays the caller's. */
int bide__notify_init(bide__notify *n, bide_loop *l, const char *path, int fd);

int bide__notify_start(bide__notify *n);

/** The next change, new: 0; UV_EAGAIN: there is none; BIDE_PARKED: one has come
 * of which the other half may follow, or not if it is the caller's patience
 * that is at an end (`patient` false). Or another error. */
int bide__notify_next(bide__notify *n, bool patient, bide_change **out);

/** Has `told` called when something arrives. */
int bide__notify_listen(bide__notify *n);

void bide__notify_close(bide__notify *n);

/** A change, or NULL. */
bide_change *bide__change_new(int kind, bool is_dir, const char *name,
                              const char *old_name);

#endif
