/* bench_channel - one task sends, another receives, through a queue of a given
 * capacity. */
#include "harness.h"

typedef struct end {
    bide_task task;
    bide_wait wait;
    bide_channel *channel;
    uint64_t left;
    bool waiting;
} end;

static void
send_resume(bide_task *t)
{
    end *e = t->host;
    if (e->waiting)
        harness_check(bide_wait_take(&e->wait), "send");
    e->waiting = false;
    while (e->left > 0) {
        e->wait.value.as.integer = (int64_t)e->left--;
        int status = bide_channel_send(e->channel, &e->wait);
        harness_check(status, "send");
        if (status == BIDE_PARKED) {
            e->waiting = true;
            return;
        }
    }
    bide_task_finish(t);
}

static void
recv_resume(bide_task *t)
{
    end *e = t->host;
    if (e->waiting)
        harness_check(bide_wait_take(&e->wait), "recv");
    e->waiting = false;
    while (e->left > 0) {
        e->left--;
        int status = bide_channel_recv(e->channel, &e->wait);
        harness_check(status, "recv");
        if (status == BIDE_PARKED) {
            e->waiting = true;
            return;
        }
    }
    bide_task_finish(t);
}

static int64_t
transfer(bide_loop *l, size_t capacity, uint64_t n)
{
    end sender = {.left = n}, receiver = {.left = n};
    bide_site site = {__FILE__, __LINE__};
    harness_check(bide_channel_new(capacity, NULL, site, &sender.channel),
                  "channel");
    receiver.channel = sender.channel;
    bide_wait_init(&sender.wait, &sender.task);
    bide_wait_init(&receiver.wait, &receiver.task);
    harness_start(l, &sender.task, send_resume, &sender);
    harness_start(l, &receiver.task, recv_resume, &receiver);
    int64_t elapsed = harness_run(l);
    bide_channel_unref(sender.channel);
    return elapsed;
}

static int64_t
capacity_1(bide_loop *l, uint64_t n)
{
    return transfer(l, 1, n);
}

static int64_t
capacity_128(bide_loop *l, uint64_t n)
{
    return transfer(l, 128, n);
}

static int64_t
capacity_1024(bide_loop *l, uint64_t n)
{
    return transfer(l, 1024, n);
}

int
main(int argc, char **argv)
{
    static const harness_case cases[] = {{"capacity 1", capacity_1, 0},
                                         {"capacity 128", capacity_128, 0},
                                         {"capacity 1024", capacity_1024, 0},
                                         {0}};
    return harness_main(argc, argv, "channel", cases);
}
