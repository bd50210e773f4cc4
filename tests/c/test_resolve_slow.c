/* test_resolve_slow.c - names that nobody answers for: a getaddrinfo of our own
 * blocks until it is let go, and files and jobs do not wait for it. */
#include "support_job.h"

#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>

enum { NAMES = 64 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside;
    bool open;
} door = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false};

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
            struct addrinfo **out)
{
    (void)node;
    (void)service;
    (void)hints;
    *out = NULL;
    pthread_mutex_lock(&door.lock);
    door.inside++;
    while (!door.open)
        pthread_cond_wait(&door.changed, &door.lock);
    door.inside--;
    pthread_mutex_unlock(&door.lock);
    return EAI_NONAME;
}

void
freeaddrinfo(struct addrinfo *found)
{
    (void)found;
}

static int
inside(void)
{
    pthread_mutex_lock(&door.lock);
    int n = door.inside;
    pthread_mutex_unlock(&door.lock);
    return n;
}

static void
open_door(void)
{
    pthread_mutex_lock(&door.lock);
    door.open = true;
    pthread_cond_broadcast(&door.changed);
    pthread_mutex_unlock(&door.lock);
}

static void
looks_up(actor *a)
{
    BEGIN(a);
    AWAIT(a, bide_resolve("slow.test", 80, &a->w));
    CHECK_INT(a->rc, BIDE_ENAME);
    CHECK(door.open);
    ++*(int *)a->extra;
    END(a);
}

static void
reads_a_file(actor *a)
{
    BEGIN(a);
    AWAIT_UNTIL(a, inside() > 0);
    for (a->i = 0; a->i < 8; a->i++) {
        AWAIT_OK(a, bide_file_open("/dev/null", O_RDONLY, 0, &a->w));
        a->extra = a->w.value.as.ptr;
        AWAIT_OK(a, bide_file_close(a->extra, &a->w));
        bide_file_unref(a->extra);
    }
    CHECK(!door.open);
    trace(a, "files");
    a->world->state = a;
    END(a);
}

/* As the last of them, lets the names go. */
static void
ends_the_wait(actor *a)
{
    work *w = a->arg;

    BEGIN(a);
    AWAIT_UNTIL(a, w->ended && a->world->state);
    CHECK(inside() > 0);
    trace(a, "jobs");
    open_door();
    END(a);
}

static void
test_resolve_of_slow_names_delays_no_files_and_no_jobs(void **state)
{
    (void)state;
    world wd;
    work w;
    int found = 0;
    world_begin_real(&wd);
    work_init(&w, 21);
    for (int i = 0; i < NAMES; i++)
        actor_spawn(&wd, "n", looks_up, NULL)->extra = &found;
    actor_spawn(&wd, "f", reads_a_file, NULL);
    actor_spawn(&wd, "w", submits_work, &w);
    actor_spawn(&wd, "e", ends_the_wait, &w);
    world_run(&wd);
    CHECK_INT(found, NAMES);
    CHECK_INT(w.output, 42);
    CHECK(strstr(wd.trace, "jobs") > strstr(wd.trace, "files"));
    work_fini(&w);
    world_end(&wd);
}

TEST_MAIN("resolve slow", T(resolve_of_slow_names_delays_no_files_and_no_jobs))
