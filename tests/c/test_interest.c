/* test_interest.c - lasting interest in a descriptor, and tasks that something
 * else drives. */
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

typedef struct watcher {
    world wd;
    bide_interest watch;
    int fd[2];
    int calls;
    unsigned events;
} watcher;

static void
on_ready(bide_interest *watch, unsigned events)
{
    watcher *o = (watcher *)(void *)((char *)watch - offsetof(watcher, watch));
    o->calls++;
    o->events |= events;
}

static void
watcher_begin(watcher *o)
{
    memset(o, 0, sizeof *o);
    world_begin_real(&o->wd);
    bide_interest_init(&o->watch, on_ready);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, o->fd),
                     0);
}

static void
watcher_end(watcher *o)
{
    world_run(&o->wd);
    bide_interest_stop(&o->watch);
    close(o->fd[0]);
    close(o->fd[1]);
    world_end(&o->wd);
}

static void
send_byte(watcher *o)
{
    CHECK_INT(write(o->fd[1], "x", 1), 1);
}

static void
take_byte(watcher *o)
{
    char c;
    CHECK_INT(read(o->fd[0], &c, 1), 1);
}

static void
set(watcher *o, unsigned interest)
{
    CHECK_INT(bide_interest_set(&o->watch, o->wd.loop, o->fd[0], interest), 0);
}

/* It is told again at each poll while there is something to read. */
static void
level_body(actor *a)
{
    watcher *o = a->arg;
    BEGIN(a);
    set(o, BIDE_READABLE);
    send_byte(o);
    AWAIT_UNTIL(a, o->calls >= 3);
    CHECK_INT(o->events, BIDE_READABLE);
    take_byte(o);
    AWAIT_OK(a, bide_sleep_until(&a->w, bide_loop_now(o->wd.loop, true) + MS));
    o->calls = 0;
    AWAIT_OK(a, bide_sleep_until(&a->w, bide_loop_now(o->wd.loop, true) + MS));
    CHECK_INT(o->calls, 0);
    END(a);
}

static void
test_interest_reports_while_ready(void **state)
{
    (void)state;
    watcher o;
    watcher_begin(&o);
    actor_spawn(&o.wd, "body", level_body, &o);
    watcher_end(&o);
}

static void
edge_body(actor *a)
{
    watcher *o = a->arg;
    BEGIN(a);
    set(o, BIDE_READABLE | BIDE_WRITABLE | BIDE_EDGE);
    for (a->i = 0; a->i < 3; a->i++) {
        AWAIT(a, bide_interest_wait(&o->watch, BIDE_READABLE, &a->w));
        CHECK_INT(a->rc, 0);
        take_byte(o);
    }
    END(a);
}

static void
edge_sender(actor *a)
{
    watcher *o = a->arg;
    BEGIN(a);
    for (a->i = 0; a->i < 3; a->i++) {
        AWAIT_UNTIL(a, ((actor *)a->extra)->i == a->i &&
                           ((actor *)a->extra)->task.state == BIDE_TASK_PARKED);
        send_byte(o);
    }
    END(a);
}

static void
test_interest_with_an_edge_wakes_a_wait_for_each_arrival(void **state)
{
    (void)state;
    watcher o;
    watcher_begin(&o);
    actor *reader = actor_spawn(&o.wd, "reader", edge_body, &o);
    actor *sender = actor_spawn(&o.wd, "sender", edge_sender, &o);
    sender->extra = reader;
    watcher_end(&o);
}

/* Another descriptor of the same number is noticed when the watch is set. */
static void
reopen_body(actor *a)
{
    watcher *o = a->arg;
    BEGIN(a);
    set(o, BIDE_READABLE);
    a->n = o->fd[0];
    close(o->fd[0]);
    close(o->fd[1]);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, o->fd), 0);
    CHECK_INT(o->fd[0], a->n);
    set(o, BIDE_READABLE);
    send_byte(o);
    AWAIT_UNTIL(a, o->calls);
    END(a);
}

static void
test_interest_survives_a_descriptor_closed_behind_it(void **state)
{
    (void)state;
    watcher o;
    watcher_begin(&o);
    actor_spawn(&o.wd, "body", reopen_body, &o);
    watcher_end(&o);
}

static void
stopped_body(actor *a)
{
    watcher *o = a->arg;
    BEGIN(a);
    AWAIT(a, bide_interest_wait(&o->watch, BIDE_READABLE, &a->w));
    CHECK_INT(a->rc, BIDE_EINVALID);
    set(o, BIDE_READABLE | BIDE_EDGE);
    AWAIT(a, bide_interest_wait(&o->watch, BIDE_READABLE, &a->w));
    CHECK_INT(a->rc, BIDE_ECLOSED);
    CHECK_INT(bide_interest_set(&o->watch, o->wd.loop, -1, BIDE_READABLE),
              BIDE_EINVALID);
    CHECK_INT(bide_interest_set(&o->watch, o->wd.loop, o->fd[0], 0),
              BIDE_EINVALID);
    END(a);
}

static void
stopper_body(actor *a)
{
    watcher *o = a->arg;
    BEGIN(a);
    AWAIT_UNTIL(a, ((actor *)a->extra)->task.state == BIDE_TASK_PARKED);
    bide_interest_stop(&o->watch);
    END(a);
}

static void
test_interest_stopped_ends_its_waits(void **state)
{
    (void)state;
    watcher o;
    watcher_begin(&o);
    actor *waits = actor_spawn(&o.wd, "waits", stopped_body, &o);
    actor *stops = actor_spawn(&o.wd, "stops", stopper_body, &o);
    stops->extra = waits;
    watcher_end(&o);
}

/* -- attached tasks, lasting parks, interruptions ---------------------------
 */

typedef struct driven {
    world wd;
    bide_task task;
    bide_wait wait;
    int resumed, told;
} driven;

static driven *driven_now;

static void
driven_resume(bide_task *t)
{
    driven *o = (driven *)(void *)((char *)t - offsetof(driven, task));
    o->resumed++;
    CHECK_INT(bide_wait_take(&o->wait), o->resumed == 1 ? 0 : BIDE_ECANCELED);
    CHECK_INT(bide_park(&o->wait), BIDE_PARKED);
}

static void
drive_body(actor *a)
{
    driven *o = a->arg;
    BEGIN(a);
    CHECK(bide_unpark(&o->wait, 0));
    AWAIT_UNTIL(a, o->resumed == 1);
    bide_task_interrupt(&o->task);
    AWAIT_UNTIL(a, o->resumed == 2);
    CHECK_INT(o->task.state, BIDE_TASK_PARKED);
    END(a);
}

static void
count_struck(bide_task *t)
{
    driven *o = (driven *)(void *)((char *)t - offsetof(driven, task));
    o->told++;
}

static void
never_resumed(bide_task *t)
{
    (void)t;
    CHECK(!"a task that does not wait is not resumed");
}

static void
test_attached_task_is_told_what_strikes_it_while_it_does_not_wait(void **state)
{
    (void)state;
    driven o = {.resumed = 0};
    bide_scope outer, inner, shield;
    world_begin_real(&o.wd);
    bide_task_init(&o.task, never_resumed);
    o.task.struck = count_struck;
    assert_int_equal(bide_task_attach(&o.task, o.wd.loop, NULL), 0);
    bide_scope_init(&outer);
    bide_scope_init(&inner);
    bide_scope_init(&shield);
    bide_scope_shield(&shield, BIDE_FOREVER);
    assert_int_equal(bide_scope_enter(&outer, &o.task, NULL), 0);
    assert_int_equal(bide_scope_enter(&shield, &o.task, NULL), 0);
    assert_int_equal(bide_scope_enter(&inner, &o.task, NULL), 0);
    bide_scope_cancel(&outer, BIDE_NO_VALUE);
    assert_int_equal(o.told, 0);
    bide_scope_cancel(&inner, BIDE_NO_VALUE);
    assert_int_equal(o.told, 1);
    bide_scope_cancel(&inner, BIDE_NO_VALUE);
    assert_int_equal(o.told, 1);
    assert_int_equal(bide_scope_leave(&inner), BIDE_ECANCELED);
    bide_wait_init(&o.wait, &o.task);
    assert_int_equal(bide_park(&o.wait), BIDE_PARKED);
    bide_scope_cancel(&shield, BIDE_NO_VALUE);
    assert_int_equal(o.told, 1);
    assert_int_equal(bide_wait_take(&o.wait), BIDE_ECANCELED);
    bide_task_finish(&o.task);
    world_end(&o.wd);
}

static void
test_attached_task_does_not_keep_the_loop_running(void **state)
{
    (void)state;
    driven o = {.resumed = 0};
    world_begin_real(&o.wd);
    bide_task_init(&o.task, driven_resume);
    assert_int_equal(bide_task_attach(&o.task, o.wd.loop, NULL), 0);
    assert_int_equal(o.task.state, BIDE_TASK_RUNNING);
    bide_wait_init(&o.wait, &o.task);
    assert_int_equal(bide_park(&o.wait), BIDE_PARKED);
    actor_spawn(&o.wd, "body", drive_body, &o);
    world_run(&o.wd);
    assert_int_equal(o.resumed, 2);
    bide_task_finish(&o.task);
    world_end(&o.wd);
}

static void
on_told(bide_wait *w)
{
    (void)w;
    driven_now->told++;
}

static void
lasting_body(actor *a)
{
    driven *o = a->arg;
    BEGIN(a);
    AWAIT(a, bide_park_lasting(&a->w, on_told));
    CHECK_INT(a->rc, 0);
    CHECK_INT(o->told, 1);
    AWAIT(a, bide_park_lasting(&a->w, on_told));
    CHECK_INT(o->told, 2);
    END(a);
}

static void
lasting_other(actor *a)
{
    actor *waits = a->extra;
    BEGIN(a);
    AWAIT_UNTIL(a, waits->task.state == BIDE_TASK_PARKED);
    bide_task_cancel(&waits->task, BIDE_NO_VALUE);
    CHECK_INT(driven_now->told, 1);
    CHECK_INT(waits->task.state, BIDE_TASK_PARKED);
    CHECK(bide_unpark(&waits->w, 0));
    AWAIT_UNTIL(a, driven_now->told == 2);
    CHECK(bide_unpark(&waits->w, 0));
    END(a);
}

static void
test_lasting_park_is_told_of_cancellation_and_goes_on(void **state)
{
    (void)state;
    driven o = {.resumed = 0};
    driven_now = &o;
    world_begin_real(&o.wd);
    actor *waits = actor_spawn(&o.wd, "waits", lasting_body, &o);
    actor_spawn(&o.wd, "other", lasting_other, &o)->extra = waits;
    world_run(&o.wd);
    world_end(&o.wd);
}

TEST_MAIN("interest", T(interest_reports_while_ready),
          T(interest_with_an_edge_wakes_a_wait_for_each_arrival),
          T(interest_survives_a_descriptor_closed_behind_it),
          T(interest_stopped_ends_its_waits),
          T(attached_task_does_not_keep_the_loop_running),
          T(attached_task_is_told_what_strikes_it_while_it_does_not_wait),
          T(lasting_park_is_told_of_cancellation_and_goes_on))
