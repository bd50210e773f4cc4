/* What one loop looks like at one moment: rows that hold no pointer into it, so
 * that they can be written out at leisure.
 *
 * Taken on the loop's thread it is exact. A loop whose thread is stuck in a
 * step is read from outside through peek.h: pointers may then lead anywhere, so
 * the walk is bounded, trusts no count and calls nothing it finds. */
#ifndef BIDE_SNAPSHOT_H
#define BIDE_SNAPSHOT_H

#include "bide.h"
#include "text.h"

/** Strings are offsets into `strings`; 0 is none. */
typedef uint32_t bide__string;

typedef struct bide__snap_object {
    uint64_t address; /* tells one from another */
    bide__string type, name, file;
    int line;
} bide__snap_object;

typedef struct bide__snap_task {
    uint64_t id, parent; /* parent: the task that owns its group, or 0 */
    bide__string name, file, at;
    int line;
    int64_t parked; /* ns ago; -1: not parked */
    int64_t busy;   /* ns; -1: not measured */
    uint64_t resumes;
    uint32_t waits, held, scopes; /* how many rows are its own */
    uint8_t state;
    bool background, attached;
} bide__snap_task;

typedef struct bide__snap_wait {
    bide__string verb;
    bide__snap_object object;
    uint64_t joined; /* the task joined, or 0 */
    int64_t due;     /* of a sleep: in ns; BIDE_FOREVER */
    uint32_t holders;
} bide__snap_wait;

typedef struct bide__snap_held {
    bide__snap_object object;
    int64_t age;
} bide__snap_held;

typedef struct bide__snap_scope {
    int64_t due; /* of its deadline, in ns; BIDE_FOREVER: none */
    uint32_t flags;
} bide__snap_scope;

typedef struct bide__snap_job {
    bide__string name, file;
    int line;
    int64_t age;
    bool running;
} bide__snap_job;

/** Rows of one kind. */
typedef struct bide__rows {
    void *at;
    size_t count, room;
} bide__rows;

typedef struct bide__snapshot {
    uint64_t serial;
    bide__string language;
    bool exact;     /* taken on the loop's thread */
    bool truncated; /* there was more */
    bool failed;    /* out of memory: rows are missing */
    bool polling, virtual_clock;
    uint64_t current; /* id of the running task, or 0 */
    bide_loop_counts counts;
    bide__rows tasks, waits, holders, held, scopes, jobs;
    bide__text strings;
} bide__snapshot;

/** Of `l`, on its thread. */
void bide__snapshot_take(bide__snapshot *s, bide_loop *l);

/** Of `l`, of which the caller holds a reference, from another thread. */
void bide__snapshot_peek(bide__snapshot *s, bide_loop *l);

void bide__snapshot_fini(bide__snapshot *s);

static inline const char *
bide__snap_string(const bide__snapshot *s, bide__string at)
{
    return s->strings.at ? s->strings.at + at : "";
}

/** The task with `id`, or NULL. */
const bide__snap_task *bide__snap_find(const bide__snapshot *s, uint64_t id);

#endif
