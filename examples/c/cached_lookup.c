/* cached_lookup.c - a cache in front of a slow look-up: of all the tasks that
 * want the same missing entry at the same time, one looks it up.
 *
 * Each entry has a mutex, so that different keys do not wait for each other.
 * A task that finds the entry empty looks it up while it holds the mutex; the
 * others queue for it, and find the value there. If the one fails or is
 * cancelled it unlocks, and the next in the queue tries.
 */
#include "task.h"

#include <string.h>

enum { MS = 1000 * 1000, KEYS = 3, TASKS = 300 };

typedef struct entry {
    char key[16], value[32];
    bide_mutex *mutex;
    bool known;
} entry;

typedef struct cache {
    bide_loop *loop;
    entry entries[KEYS];
    int lookups, answers;
} cache;

/* -- a task that asks ----------------------------------------------------- */

typedef struct user {
    task task;
    cache *cache;
    entry *entry;
} user;

/* Stands for the query of a database or a name server. */
static int
query(user *u)
{
    int64_t later = bide_loop_now(u->cache->loop, true) + 10 * MS;
    return bide_sleep_until(&u->task.wait, later);
}

static void
store(cache *c, entry *e)
{
    snprintf(e->value, sizeof e->value, "value of %s", e->key);
    e->known = true;
    c->lookups++;
}

static void
use(user *u)
{
    char expected[32];
    snprintf(expected, sizeof expected, "value of %s", u->entry->key);
    u->cache->answers += strcmp(u->entry->value, expected) == 0;
}

static void
get(task *t)
{
    user *u = (user *)t;
    entry *e = u->entry;

    BEGIN(t);
    if (!e->known) {
        AWAIT(t, bide_mutex_lock(e->mutex, &t->wait));
        if (t->status == 0 && !e->known) { /* nobody was faster */
            AWAIT(t, query(u));
            if (t->status == 0)
                store(u->cache, e);
        }
        if (bide_mutex_owner(e->mutex) == &t->base)
            must(bide_mutex_unlock(e->mutex, &t->base), "unlock");
    }
    if (e->known)
        use(u);
    END(t);
}

/* -- the program ---------------------------------------------------------- */

static void
cache_init(cache *c)
{
    bide_site here = {__FILE__, __LINE__};

    for (int i = 0; i < KEYS; i++) {
        entry *e = &c->entries[i];
        snprintf(e->key, sizeof e->key, "user%d", i);
        must(bide_mutex_new(e->key, here, &e->mutex), "mutex");
    }
}

static void
cache_fini(cache *c)
{
    for (int i = 0; i < KEYS; i++)
        bide_mutex_unref(c->entries[i].mutex);
}

static void
start_user(cache *c, int i)
{
    user *u = task_new(c->loop, NULL, "user", sizeof *u, get);
    u->cache = c;
    u->entry = &c->entries[i % KEYS];
}

int
main(void)
{
    cache c = {.loop = NULL};

    must(bide_loop_new(NULL, &c.loop), "loop");
    cache_init(&c);
    for (int i = 0; i < TASKS; i++)
        start_user(&c, i);
    must(bide_loop_run(c.loop, NULL), "run");
    cache_fini(&c);
    must(bide_loop_close(c.loop, 0, NULL, NULL), "close");
    bide_loop_unref(c.loop);

    printf("%d tasks, %d keys, %d lookups\n", c.answers, KEYS, c.lookups);
    return c.answers == TASKS && c.lookups == KEYS ? 0 : 1;
}
