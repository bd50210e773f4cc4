/* The thread that looks at loops. A loop counts its resumes and polls and says
 * when it may sleep: no clock is read for this on its side. The watchdog looks
 * at the count four times per threshold, and a count that stands still is a
 * step that lasts.
 *
 * A block is what the loop's thread has run or slept since. Of the watchdog's
 * own time between two looks at most twice what it meant to sleep counts: when
 * the machine or the process was stopped, that is no block of the program's.
 * Nor is time for which the thread was ready and had no processor.
 *
 * Invariants
 * - `mutex` guards the list, all watches in it, and what is sent to threads: a
 *   loop that has left its run gets no signal.
 * - `life` is held while the thread is started or awaited, so that there is at
 *   most one; it is there iff the list is not empty. */
#include "watchdog.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "block.h"
#include "list.h"
#include "loop.h"
#include "setting.h"
#include "signal_handler.h"
#include "thread_time.h"
#include "watchdog_signal.h"

enum { LOOKS = 4, GROWTH = 4, BURST = 8 };

#define DEFAULT_THRESHOLD (100 * INT64_C(1000000))
#define LEAST_INTERVAL INT64_C(1000000)
#define LONGEST_INTERVAL (250 * INT64_C(1000000))
#define LONGEST_PAUSE (600 * INT64_C(1000000000))
#define REFILL 1e-10 /* a token in 10 s, per ns */

static struct {
    uv_mutex_t life, mutex;
    uv_cond_t changed;
    uv_thread_t thread;
    bide_link list;
    int64_t interval;
    bool stop;
} dog;

/* -- one look ------------------------------------------------------------- */

static bool
may_report(bide__watched *w)
{
    if (w->tokens < 1) {
        w->missed++;
        return false;
    }
    w->tokens -= 1;
    return true;
}

/* The hook of the host may fire a little after the signal. */
static void
await_trace(bide__watched *w, bide__sight *sight)
{
    const struct timespec pause = {0, 250000};
    for (int i = 0; sight->later && i < 40; i++) {
        bide__lock_take(&w->lock);
        sight->later = w->collecting != NULL;
        bide__lock_drop(&w->lock);
        if (sight->later)
            nanosleep(&pause, NULL);
    }
    bide__lock_take(&w->lock);
    sight->later = w->collecting != NULL;
    w->collecting = NULL;
    bide__lock_drop(&w->lock);
}

static void
look_inside(bide__watched *w, bide__sight *sight)
{
    bide__lock_take(&w->lock);
    w->owed = true;
    w->collecting = sight;
    bide__lock_drop(&w->lock);
    if (w->how.signum < 0 || !bide__watchdog_interrupt(w->thread, w->how.signum,
                                                       bide__block_look, sight))
        bide__block_look(sight);
    if (sight->later) {
        await_trace(w, sight);
        return;
    }
    bide__lock_take(&w->lock);
    w->owed = false;
    w->collecting = NULL;
    bide__lock_drop(&w->lock);
}

static void
report(bide_loop *l, bide__watched *w)
{
    static bide__sight sight;
    sight.loop = l;
    sight.block = (bide_block){.loop = l, .lasted = w->lasted};
    look_inside(w, &sight);
    sight.block.lasted = w->lasted;
    sight.block.nth = w->nth;
    sight.block.missed = w->missed;
    w->missed = 0;
    bide__block_print(&sight);
    bide__block_deliver(l, &sight);
}

static uint64_t
beat_of(bide_loop *l)
{
    return bide__loop_steps(l) +
           atomic_load_explicit(&l->polls, memory_order_relaxed);
}

/* Whatever it does now begins with the next look. */
static void
begin_anew(bide__watched *w)
{
    w->spell.begun = false;
    w->lasted = 0;
    w->nth = 0;
    w->next = w->how.threshold;
}

/* A step of which nothing is known yet. */
static void
meet(bide_loop *l)
{
    bide__watched *w = &l->watched;
    bide__thread_time now;
    begin_anew(w);
    w->beat = beat_of(l);
    bide__thread_time_begin(w->thread, w->tid, &now);
    bide__spell_begin(&w->spell, &now);
}

/* Whether it is at the step that it was at when last seen. Until the time has
 * been read, it may have come to the next. */
static bool
lasts(bide_loop *l, int64_t passed)
{
    bide__watched *w = &l->watched;
    bide__thread_time now;
    if (!w->spell.begun || beat_of(l) != w->beat)
        return false;
    bide__thread_time_read(w->thread, w->tid, &now);
    if (beat_of(l) != w->beat)
        return false;
    w->lasted = bide__spell_add(&w->spell, passed, &now);
    return true;
}

static void
look(bide_loop *l, int64_t passed)
{
    bide__watched *w = &l->watched;
    w->tokens += (double)passed * REFILL;
    if (w->tokens > BURST)
        w->tokens = BURST;
    if (!w->running || atomic_load(&w->idle)) {
        begin_anew(w);
        return;
    }
    if (!lasts(l, passed)) {
        meet(l);
        return;
    }
    if (w->lasted < w->next)
        return;
    if (w->nth++ == 0)
        atomic_fetch_add(&w->blocks, 1);
    w->next = w->lasted * GROWTH;
    if (w->next > w->lasted + LONGEST_PAUSE)
        w->next = w->lasted + LONGEST_PAUSE;
    if (may_report(w))
        report(l, w);
}

static void
patrol(void *unused)
{
    (void)unused;
    uv_mutex_lock(&dog.mutex);
    int64_t last = (int64_t)uv_hrtime();
    while (!dog.stop) {
        int64_t interval = dog.interval;
        uv_cond_timedwait(&dog.changed, &dog.mutex, (uint64_t)interval);
        int64_t now = (int64_t)uv_hrtime(), passed = now - last;
        last = now;
        for (bide_link *i = dog.list.next; i != &dog.list; i = i->next)
            look(bide__of(i, bide_loop, watched.link),
                 passed < 2 * interval ? passed : 2 * interval);
    }
    uv_mutex_unlock(&dog.mutex);
}

/* -- the thread ----------------------------------------------------------- */

/* In the child of a fork there is no watchdog and no loop that runs. */
static void
begin(void)
{
    uv_mutex_init(&dog.life);
    uv_mutex_init(&dog.mutex);
    uv_cond_init(&dog.changed);
    bide__list_init(&dog.list);
    bide__watchdog_forked();
}

static uv_once_t once = UV_ONCE_INIT;

static void
begin_once(void)
{
    begin();
    pthread_atfork(NULL, NULL, begin);
}

/* The program's signals are for its own threads. */
static int
start(void)
{
    sigset_t all, kept;
    dog.stop = false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &kept);
    int rc = uv_thread_create(&dog.thread, patrol, NULL);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return rc;
}

static void
stop(void)
{
    uv_mutex_lock(&dog.mutex);
    dog.stop = true;
    uv_cond_signal(&dog.changed);
    uv_mutex_unlock(&dog.mutex);
    uv_thread_join(&dog.thread);
}

static void
set_interval(void)
{
    dog.interval = LONGEST_INTERVAL;
    for (bide_link *i = dog.list.next; i != &dog.list; i = i->next) {
        bide__watched *w = bide__of(i, bide__watched, link);
        if (w->how.threshold / LOOKS < dog.interval)
            dog.interval = w->how.threshold / LOOKS;
    }
    if (dog.interval < LEAST_INTERVAL)
        dog.interval = LEAST_INTERVAL;
}

/* -- loops ---------------------------------------------------------------- */

static void
release(bide__watched *w)
{
    if (w->how.signum > 0)
        bide__watchdog_drop_signal(w->how.signum);
}

static int
take_in(bide__watched *w)
{
    int rc = w->how.signum > 0 ? bide__watchdog_hold_signal(w->how.signum) : 0;
    if (rc)
        return rc;
    bool first = bide__list_empty(&dog.list);
    uv_mutex_lock(&dog.mutex);
    bide__list_append(&dog.list, &w->link);
    w->tokens = BURST;
    begin_anew(w);
    set_interval();
    uv_cond_signal(&dog.changed);
    uv_mutex_unlock(&dog.mutex);
    rc = first ? start() : 0;
    if (rc) {
        bide__list_remove(&w->link);
        release(w);
    }
    return rc;
}

static void
put_out(bide__watched *w)
{
    uv_mutex_lock(&dog.mutex);
    bide__list_remove(&w->link);
    set_interval();
    bool last = bide__list_empty(&dog.list);
    uv_mutex_unlock(&dog.mutex);
    if (last)
        stop();
    release(w);
}

int
bide__watchdog_enter(bide_loop *l)
{
    bide__watched *w = &l->watched;
    if (w->how.threshold == BIDE_FOREVER)
        return 0;
    uv_once(&once, begin_once);
    uv_mutex_lock(&dog.life);
    int rc = bide__list_linked(&w->link) ? 0 : take_in(w);
    uv_mutex_unlock(&dog.life);
    if (rc)
        return rc;
    uv_mutex_lock(&dog.mutex);
    w->thread = pthread_self();
    w->tid = bide__thread_number();
    w->running = true;
    begin_anew(w);
    atomic_store(&w->idle, false);
    uv_mutex_unlock(&dog.mutex);
    return 0;
}

void
bide__watchdog_leave(bide_loop *l)
{
    bide__watched *w = &l->watched;
    if (!w->running || l->fork_count != bide__fork_count)
        return;
    uv_mutex_lock(&dog.mutex);
    w->running = false;
    uv_mutex_unlock(&dog.mutex);
}

void
bide__watchdog_forget(bide_loop *l)
{
    bide__watched *w = &l->watched;
    if (w->how.threshold == BIDE_FOREVER || l->fork_count != bide__fork_count)
        return;
    uv_once(&once, begin_once);
    uv_mutex_lock(&dog.life);
    if (bide__list_linked(&w->link)) /* it has run */
        put_out(w);
    uv_mutex_unlock(&dog.life);
}

/* -- settings ------------------------------------------------------------- */

bool
bide_debug(void)
{
    char text[BIDE__SETTING_MAX];
    const char *value = bide__setting("BIDE_DEBUG", text);
    return value && strcmp(value, "0") != 0;
}

/* A fault's handler must not return, and some cannot be caught. */
static bool
settle_signal(bide_watchdog *how)
{
    char text[BIDE__SETTING_MAX], *end;
    const char *wish = bide__setting("BIDE_WATCHDOG_SIGNAL", text);
    if (how->signum == 0 && !wish) {
        how->signum = SIGURG;
    } else if (how->signum == 0 && strcmp(wish, "none") == 0) {
        how->signum = -1;
    } else if (how->signum == 0) {
        long number = strtol(wish, &end, 10);
        how->signum =
            *end || number <= 0 || number > 1000 ? SIGKILL : (int)number;
    }
    return how->signum < 0 || bide__signal_can(how->signum);
}

int
bide__watchdog_settle(bide_watchdog *how, bool debug)
{
    if (how->threshold < 0 || !settle_signal(how))
        return BIDE_EINVALID;
    if (how->threshold)
        return 0;
    how->threshold = debug || bide_debug() ? DEFAULT_THRESHOLD : BIDE_FOREVER;
    return bide__setting_duration("BIDE_WATCHDOG", &how->threshold);
}
