/* support_process.c - see support_process.h. */
#include "support_process.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

bool
has_children(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

bool
is_alive(int pid)
{
    return kill(pid, 0) == 0;
}

/* libuv opens a pipe for good with the first loop of the process. */
static void
warm_up(void)
{
    bide_loop *l;
    CHECK_INT(bide_loop_new(NULL, &l), 0);
    CHECK_INT(bide_loop_close(l, 0, NULL, NULL), 0);
    bide_loop_unref(l);
}

void
home_begin(home *h)
{
    memset(h, 0, sizeof *h);
    warm_up();
    h->before = open_descriptors();
    world_begin_real(&h->wd);
}

void
home_end(home *h)
{
    home_drop(h);
    world_end(&h->wd);
    CHECK_INT(open_descriptors(), h->before);
    CHECK(!has_children());
    check_end();
}

void
home_play(actor_body body)
{
    home h;
    home_begin(&h);
    actor *a = actor_spawn(&h.wd, "a", body, &h);
    world_run(&h.wd);
    CHECK(a->over);
    home_end(&h);
}

bide_process_options *
home_shell(home *h, const char *script)
{
    h->argv[0] = "/bin/sh";
    h->argv[1] = "-c";
    h->argv[2] = script;
    h->argv[3] = NULL;
    h->o = (bide_process_options){.argv = h->argv};
    return &h->o;
}

bide_process_options *
home_run(home *h, const char *program)
{
    h->argv[0] = program;
    h->argv[1] = NULL;
    h->o = (bide_process_options){.argv = h->argv};
    return &h->o;
}

void
home_drop(home *h)
{
    bide_process_unref(h->p);
    h->p = NULL;
}

bide_stream *
home_stream(home *h, int number)
{
    return bide_process_stream(h->p, number);
}
