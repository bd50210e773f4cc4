/* Unix sockets: connecting and listening.
 *
 * The system answers a connect at once, and of a listener whose backlog is
 * full it says neither that nor when there is room again: then we ask again,
 * at growing distances. */
#include <errno.h>
#include <sys/socket.h>

#include "alloc.h"
#include "endpoint.h"
#include "listener.h"
#include "pipe.h"
#include "socket.h"
#include "tcp.h"
#include "unix_file.h"

enum { BACKLOG = 1024, PAUSE_FIRST = 1000000, PAUSE_MOST = 32000000 /* ns */ };

/* -- connect -------------------------------------------------------------- */

/* A connect to a listener whose backlog is full. */
typedef struct attempt {
    bide_wait *wait;
    bide__sockaddr to;
    socklen_t size;
    int64_t pause;
    bide_timer timer;
} attempt;

static bool abort_connect(bide_wait *w, bool forced);

static const bide_wait_kind connect_kind = {
    .verb = "connect",
    .object = "Unix",
    .abort = abort_connect,
    .undo = bide__tcp_undo,
};

static bool
abort_connect(bide_wait *w, bool forced)
{
    (void)forced;
    attempt *a = w->object;
    bide_timer_stop(w->task->loop, &a->timer);
    bide__io_leave(w);
    w->object = NULL;
    bide__free(a);
    return true;
}

/* UV_EAGAIN: the backlog is full. */
static int
connect_now(bide_loop *l, const bide__sockaddr *to, socklen_t size,
            bide_stream **out)
{
    int fd = bide__socket_open(AF_UNIX, SOCK_STREAM);
    if (fd < 0)
        return fd;
    int rc = connect(fd, &to->any, size) ? -errno : 0;
    if (rc == 0)
        rc = bide__pipe_adopt(l, fd, out);
    if (rc)
        bide__socket_close(fd);
    return rc;
}

static void
on_pause_over(bide_timer *t)
{
    attempt *a = bide__of(t, attempt, timer);
    bide_wait *w = a->wait;
    bide_loop *l = w->task->loop;
    bide_stream *s = NULL;
    int rc = connect_now(l, &a->to, a->size, &s);
    if (rc == UV_EAGAIN) {
        a->pause = a->pause < PAUSE_MOST ? a->pause * 2 : PAUSE_MOST;
        rc = bide_timer_start(l, t, bide_loop_now(l, false) + a->pause,
                              on_pause_over);
        if (rc == 0)
            return;
    }
    w->value.as.ptr = s;
    w->object = NULL;
    bide__free(a);
    bide__io_fire(w, rc);
}

static int
connect_later(bide_wait *w, const bide__sockaddr *to, socklen_t size)
{
    bide_loop *l = w->task->loop;
    attempt *a = bide__alloc(sizeof *a);
    if (!a)
        return BIDE_ENOMEMORY;
    a->wait = w;
    a->to = *to;
    a->size = size;
    a->pause = PAUSE_FIRST;
    int rc = bide_timer_start(l, &a->timer, bide_loop_now(l, false) + a->pause,
                              on_pause_over);
    if (rc) {
        bide__free(a);
        return rc;
    }
    return bide__io_park(w, &connect_kind, a, NULL);
}

int
bide_unix_connect(const char *path, bide_wait *w)
{
    bide__sockaddr to;
    bide_stream *s = NULL;
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    int size = bide__address_unix(path, &to);
    if (size < 0)
        return size;
    w->value = BIDE_NO_VALUE;
    rc = connect_now(w->task->loop, &to, (socklen_t)size, &s);
    if (rc == UV_EAGAIN)
        return connect_later(w, &to, (socklen_t)size);
    if (rc)
        return rc;
    w->value.as.ptr = s;
    return bide__wait_done(w, &connect_kind, NULL);
}

/* -- listen --------------------------------------------------------------- */

static void
undo_listen(bide_wait *w)
{
    bide_listener_unref(w->value.as.ptr);
    w->value = BIDE_NO_VALUE;
}

static const bide_wait_kind listen_kind = {
    .verb = "listen",
    .object = "Unix",
    .undo = undo_listen,
};

static int
listen_now(bide_loop *loop, const char *path, const bide_unix_options *o,
           bide_listener **out)
{
    bide__unix_file file;
    int fd = bide__socket_open(AF_UNIX, SOCK_STREAM);
    if (fd < 0)
        return fd;
    int rc = bide__unix_bind(fd, path, o->mode, &file);
    if (rc == 0 && listen(fd, o->backlog > 0 ? o->backlog : BACKLOG))
        rc = -errno;
    if (rc == 0)
        rc = bide__listener_open(loop, fd, bide__pipe_adopt, &file, out);
    if (rc) {
        bide__unix_remove(&file);
        bide__socket_close(fd);
    }
    return rc;
}

int
bide_unix_listen(const char *path, const bide_unix_options *o, bide_wait *w)
{
    static const bide_unix_options defaults;
    bide_listener *l = NULL;
    int rc = bide__wait_refused(w->task);
    if (rc)
        return rc;
    o = o ? o : &defaults;
    if (o->mode < 0 || o->mode > 07777)
        return BIDE_EINVALID;
    w->value = BIDE_NO_VALUE;
    rc = listen_now(w->task->loop, path, o, &l);
    if (rc)
        return rc;
    w->value.as.ptr = l;
    return bide__wait_done(w, &listen_kind, NULL);
}
