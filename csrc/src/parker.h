/* A blocked thread: it waits until another one releases it. Lives on the stack
 * of the thread; the releaser touches it last while holding the mutex. */
#ifndef BIDE_PARKER_H
#define BIDE_PARKER_H

#include <uv.h>

#include "bide.h"

typedef struct bide__parker {
    bide_link link;
    uv_mutex_t mutex;
    uv_cond_t cond;
    bool released;
    int status;
    size_t ticket;
    bide_value value;
} bide__parker;

static inline int
bide__parker_init(bide__parker *p)
{
    p->released = false;
    p->status = 0;
    int rc = uv_mutex_init(&p->mutex);
    if (rc)
        return rc;
    rc = uv_cond_init(&p->cond);
    if (rc)
        uv_mutex_destroy(&p->mutex);
    return rc;
}

static inline void
bide__parker_fini(bide__parker *p)
{
    uv_cond_destroy(&p->cond);
    uv_mutex_destroy(&p->mutex);
}

/** Any thread; once. */
static inline void
bide__parker_release(bide__parker *p, int status)
{
    uv_mutex_lock(&p->mutex);
    p->status = status;
    p->released = true;
    uv_cond_signal(&p->cond);
    uv_mutex_unlock(&p->mutex);
}

/** Whether it was released within `timeout` ns. */
static inline bool
bide__parker_wait(bide__parker *p, int64_t timeout)
{
    uint64_t start = uv_hrtime();
    uv_mutex_lock(&p->mutex);
    while (!p->released) {
        if (timeout == BIDE_FOREVER) {
            uv_cond_wait(&p->cond, &p->mutex);
            continue;
        }
        uint64_t passed = uv_hrtime() - start;
        if (timeout <= 0 || passed >= (uint64_t)timeout)
            break;
        uv_cond_timedwait(&p->cond, &p->mutex, (uint64_t)timeout - passed);
    }
    bool released = p->released;
    uv_mutex_unlock(&p->mutex);
    return released;
}

#endif
