/* support_watch.c - see support_watch.h. */
#include "support_watch.h"

#include <sys/stat.h>
#include <unistd.h>

/* -- changing things ------------------------------------------------------ */

void
rename_file(const char *from, const char *to)
{
    CHECK_INT(rename(scratch(from), scratch(to)), 0);
}

void
make_dir(const char *name)
{
    CHECK_INT(mkdir(scratch(name), 0700), 0);
}

void
remove_file(const char *name)
{
    CHECK_INT(remove(scratch(name)), 0);
}

/* "created a/ renamed a>b", of the chain that `a->w` was given. */
void
trace_changes(actor *a)
{
    bide_change *chain = a->w.value.as.ptr;
    size_t n = 0;
    for (bide_change *c = chain; c; c = c->next, n++)
        trace(a, "%s%s%s%s%s%s", bide_change_name(c->kind), *c->name ? "_" : "",
              c->old_name ? c->old_name : "", c->old_name ? ">" : "", c->name,
              c->is_dir ? "/" : "");
    CHECK_INT(n, a->w.u.many.count);
    bide_changes_free(chain);
}

/* Takes up to `n` changes at once, until the watch ends. */
static void
follows(actor *a)
{
    BEGIN(a);
    do {
        AWAIT(a, bide_changes_recv(a->arg, (size_t)a->n, &a->w));
        if (a->rc)
            trace(a, "%s", bide_error_name(a->rc));
        else
            trace_changes(a);
    } while (a->rc == 0);
    END(a);
}

actor *
change_follower(world *wd, const char *name, bide_changes *c, int n)
{
    actor *a = actor_spawn(wd, name, follows, c);
    a->n = n;
    return a;
}

/* -- watches -------------------------------------------------------------- */

static void
opens(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_fs_watch(scratch("d"), &a->w));
    *(bide_changes **)a->arg = a->w.value.as.ptr;
    END(a);
}

bide_changes *
watch_d(world *wd)
{
    bide_changes *c = NULL;
    actor_spawn(wd, "opens", opens, &c);
    world_run(wd);
    CHECK(c && !bide_changes_closed(c) && bide_changes_loop(c) == wd->loop);
    return c;
}

bide_changes *
watch_begin(world *wd)
{
    scratch_begin();
    make_dir("d");
    world_begin(wd, 0);
    return watch_d(wd);
}

void
watch_drop(bide_changes *c)
{
    bide_changes_close(c);
    bide_changes_unref(c);
}

/* What one task is given of what has happened, and the end of the world. */
void
watch_expect(world *wd, bide_changes *c, int n, const char *wanted)
{
    actor *a = change_follower(wd, "a", c, n);
    world_run(wd);
    CHECK(a->over);
    watch_drop(c);
    world_expect(wd, wanted);
}

/* Makes two directories and the watch's end once the others wait. */
void
makes_two(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_yield(&a->w));
    make_dir("d/1");
    make_dir("d/2");
    END(a);
}

void
takes_change(actor *a)
{
    BEGIN(a);
    AWAIT_OK(a, bide_changes_recv(a->arg, 1, &a->w));
    trace_changes(a);
    END(a);
}
