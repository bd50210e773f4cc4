/* Processes: the user's object. What happens to the child is in child.c. */
#include <errno.h>
#include <stdlib.h>

#include "alloc.h"
#include "child.h"
#include "command.h"
#include "endpoint.h"
#include "launch.h"
#include "process_stdio.h"

enum { MAP_MOST = 1024, FD_MOST = 65535 };

struct bide_process {
    bide__endpoint base;
    bide__child *child; /* NULL: closed */
    bide_link waits;
    bide_stream *streams[BIDE__STDIO];
    pid_t pid;
    int code;
    bool over;
};

/* -- what the child has --------------------------------------------------- */

static int
by_target(const void *a, const void *b)
{
    const bide_fd_map *x = a, *y = b;
    return x->child_fd - y->child_fd;
}

/* In ascending order. BIDE_EINVALID: a number is out of range or there twice.
 */
static int
make_map(const bide_process_options *o, const bide__stdio *io, bide_fd_map *map,
         size_t *count)
{
    size_t n = 0;
    for (int i = 0; i < BIDE__STDIO; i++)
        if (io->child[i] >= 0)
            map[n++] = (bide_fd_map){io->child[i], i};
    for (size_t i = 0; i < o->fd_count; i++) {
        map[n] = o->fds[i];
        if (map[n].fd < 0 || map[n].child_fd < BIDE__STDIO ||
            map[n].child_fd > FD_MOST)
            return BIDE_EINVALID;
        n++;
    }
    qsort(map, n, sizeof *map, by_target);
    for (size_t i = 1; i < n; i++)
        if (map[i].child_fd == map[i - 1].child_fd)
            return BIDE_EINVALID;
    *count = n;
    return 0;
}

static int
terminal_of(const bide_process_options *o)
{
    for (int i = 0; i < BIDE__STDIO; i++)
        if (o->stdio[i].kind == BIDE_STDIO_PTY)
            return i;
    return -1;
}

/* -- starting ------------------------------------------------------------- */

static int
launch(bide__launch *x, const bide__stdio *io)
{
    const bide_process_options *o = x->options;
    bide__command command;
    bide_fd_map *map =
        bide__realloc(NULL, (BIDE__STDIO + o->fd_count) * sizeof *map);
    if (!map)
        return BIDE_ENOMEMORY;
    int rc = make_map(o, io, map, &x->count);
    if (rc == 0) {
        rc = bide__command_init(&command, o);
        if (rc == 0) {
            x->argv = (char *const *)o->argv;
            x->env = command.env;
            x->files = command.files;
            x->map = map;
            rc = bide__launch_run(x);
        }
        bide__command_fini(&command);
    }
    bide__free(map);
    return rc;
}

/* Everything that can fail for want of memory comes before the launch. */
static int
start(bide_process *p, bide__stdio *io, bide__launch *x)
{
    const bide_process_options *o = x->options;
    p->child = bide__child_new(p->base.object.loop);
    if (!p->child)
        return BIDE_ENOMEMORY;
    int rc = bide__stdio_open(io, p->base.object.loop, o);
    if (rc)
        return rc;
    rc = launch(x, io);
    bide__stdio_close(io, o, rc == 0);
    if (rc == 0)
        rc = bide__child_watch(p->child, x->pid, x->pidfd);
    if (rc)
        bide__stdio_drop(io);
    return rc;
}

static void
on_exited(bide__child *child)
{
    bide_process *p = child->owner;
    p->code = child->code;
    p->over = true;
    while (!bide__list_empty(&p->waits)) {
        bide_wait *w = bide__wait_first(&p->waits);
        w->value = BIDE_NO_VALUE;
        w->value.as.integer = p->code;
        bide__io_fire(w, 0);
    }
}

static void
let_go(bide_process *p)
{
    bide__child_release(p->child);
    p->child = NULL;
    for (int i = 0; i < BIDE__STDIO; i++) {
        bide_stream_unref(p->streams[i]);
        p->streams[i] = NULL;
    }
}

static void
shut(bide__endpoint *e)
{
    bide_process *p = bide__of(e, bide_process, base);
    let_go(p);
    bide__io_fire_all(&p->waits, BIDE_ECLOSED);
    bide__endpoint_gone(e);
}

static int
make(bide_loop *l, const bide_process_options *o, bide_process **out,
     int *failed)
{
    bide__stdio io;
    bide__launch x = {.options = o, .terminal = terminal_of(o)};
    bide_process *p = bide__endpoint_new(sizeof *p, l, shut);
    if (!p)
        return BIDE_ENOMEMORY;
    bide__list_init(&p->waits);
    x.failed = BIDE_SPAWN_PREPARE;
    int rc = start(p, &io, &x);
    *failed = x.failed;
    if (rc) {
        let_go(p);
        bide_process_unref(p);
        return rc;
    }
    bide__endpoint_open(&p->base);
    for (int i = 0; i < BIDE__STDIO; i++)
        p->streams[i] = io.ours[i];
    p->pid = x.pid;
    p->child->leads =
        (o->flags & (BIDE_PROCESS_SESSION | BIDE_PROCESS_GROUP)) != 0;
    p->child->exited = on_exited;
    p->child->owner = p;
    *out = p;
    return 0;
}

static void
undo_open(bide_wait *w)
{
    bide_process *p = w->value.as.ptr;
    if (p)
        bide_process_close(p);
    bide_process_unref(p);
    w->value = BIDE_NO_VALUE;
}

static const bide_wait_kind open_kind = {
    .verb = "open",
    .object = "Process",
    .undo = undo_open,
};

/* A terminal needs a session to control, whose leader leads a group as well. */
static unsigned
flags_of(const bide_process_options *o)
{
    unsigned flags = o->flags;
    if (terminal_of(o) >= 0)
        flags |= BIDE_PROCESS_SESSION;
    if (flags & BIDE_PROCESS_SESSION)
        flags &= ~(unsigned)BIDE_PROCESS_GROUP;
    return flags;
}

int
bide_process_open(const bide_process_options *given, bide_wait *w)
{
    bide_process_options o = *given;
    bide_process *p = NULL;
    int failed = BIDE_SPAWN_PREPARE;
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    if (!o.argv || !o.argv[0] || o.fd_count > MAP_MOST)
        return BIDE_EINVALID;
    o.flags = flags_of(given);
    w->value = BIDE_NO_VALUE;
    rc = make(w->task->loop, &o, &p, &failed);
    if (rc) {
        w->value.as.integer = failed;
        return rc;
    }
    w->value.as.ptr = p;
    return bide__wait_done(w, &open_kind, NULL);
}

/* -- its end -------------------------------------------------------------- */

static bool
abort_wait(bide_wait *w, bool forced)
{
    (void)forced;
    bide__io_leave(w);
    return true;
}

static const bide_wait_kind wait_kind = {
    .verb = "wait",
    .object = "Process",
    .abort = abort_wait,
};

int
bide_process_wait(bide_process *p, bide_wait *w)
{
    int rc = bide__endpoint_enter(&p->base, w->task);
    if (rc)
        return rc;
    if (!p->over)
        return bide__io_park(w, &wait_kind, p, &p->waits);
    w->value = BIDE_NO_VALUE;
    w->value.as.integer = p->code;
    return bide__wait_done(w, &wait_kind, p);
}

int
bide_process_poll(bide_process *p, int *code)
{
    if (!p->over && p->child && bide__loop_is_here(p->base.object.loop))
        bide__child_check(p->child);
    if (!p->over)
        return BIDE_EWOULDBLOCK;
    *code = p->code;
    return 0;
}

int
bide_process_signal(bide_process *p, int signum)
{
    return p->child ? bide__child_signal(p->child, signum, false) : UV_ESRCH;
}

int
bide_process_signal_group(bide_process *p, int signum)
{
    if (p->child && !p->child->leads)
        return BIDE_EINVALID;
    return p->child ? bide__child_signal(p->child, signum, true) : UV_ESRCH;
}

void
bide_process_stop(bide_process *p, int64_t grace)
{
    if (p->child)
        bide__child_stop(p->child, grace);
}

/* -- life ----------------------------------------------------------------- */

bide_process *
bide_process_ref(bide_process *p)
{
    bide__object_ref(&p->base.object);
    return p;
}

void
bide_process_unref(bide_process *p)
{
    if (p)
        bide__endpoint_unref(&p->base);
}

void
bide_process_close(bide_process *p)
{
    if (!p->base.closed)
        bide_process_stop(p, 0);
    bide__endpoint_close(&p->base);
}

bool
bide_process_closed(const bide_process *p)
{
    return p->base.closed;
}

bide_loop *
bide_process_loop(const bide_process *p)
{
    return p->base.object.loop;
}

int
bide_process_pid(const bide_process *p)
{
    return p->pid;
}

bide_stream *
bide_process_stream(const bide_process *p, int number)
{
    return number >= 0 && number < BIDE__STDIO ? p->streams[number] : NULL;
}
