/* kafka_style_pump.c - a blocking consumer on a thread of its own feeds a
 * bounded channel; a task takes the messages off in batches.
 *
 * This is how to use a client library that only knows blocking calls (Kafka, a
 * message bus, a serial port): the library lives in the thread, and the
 * channel's bound is the back-pressure. When the batches are slow, the thread
 * waits in bide_channel_send_blocking, and with it the library.
 *
 *   kafka_style_pump [COUNT]    (10000)
 */
#include "task.h"

enum { CAPACITY = 256, BATCH = 500 };

typedef struct message {
    int64_t offset;
    char text[32];
} message;

typedef struct pump {
    bide_loop *loop;
    bide_channel *messages; /* of message *, which the receiver frees */
    bide_job thread;
    int64_t count, seen;
    size_t batches, largest;
} pump;

/* -- the thread ----------------------------------------------------------- */

/* Stands for the poll() of a client library; NULL: there is no more. */
static message *
poll_library(pump *p, int64_t offset)
{
    if (offset == p->count)
        return NULL;
    message *m = malloc(sizeof *m);
    must(m ? 0 : BIDE_ENOMEMORY, "message");
    m->offset = offset;
    snprintf(m->text, sizeof m->text, "event %lld", (long long)offset);
    return m;
}

/* A message that could not be sent is still the sender's. BIDE_ECLOSED, from
 * a task that closed the channel, is how the thread is told to stop. */
static void
consume(bide_job *job)
{
    pump *p = job->host;
    message *m;

    for (int64_t offset = 0; (m = poll_library(p, offset)); offset++) {
        bide_value value = {.as = {.ptr = m}};
        int rc = bide_channel_send_blocking(p->messages, value, BIDE_FOREVER);
        if (rc < 0) {
            free(m);
            break;
        }
    }
    bide_channel_close(p->messages);
}

/* On the loop's thread again. */
static void
consumer_ended(bide_job *job, int status)
{
    must(status, job->name);
    printf("the consumer has stopped\n");
}

static void
start_thread(pump *p)
{
    p->thread = (bide_job){
        .run = consume, .done = consumer_ended, .name = "consumer", .host = p};
    must(bide_job_spawn(p->loop, &p->thread), "thread");
}

/* -- the task ------------------------------------------------------------- */

typedef struct reader {
    task task;
    pump *pump;
    bide_value batch[BATCH];
} reader;

static void
take_batch(reader *r, size_t count)
{
    pump *p = r->pump;

    for (size_t i = 0; i < count; i++) {
        message *m = r->batch[i].as.ptr;
        must(m->offset == p->seen ? 0 : BIDE_EINVALID, "the order");
        p->seen++;
        free(m);
    }
    p->batches++;
    if (count > p->largest)
        p->largest = count;
}

/* recv_many waits for one message, then takes what is there. */
static void
read_batches(task *t)
{
    reader *r = (reader *)t;
    pump *p = r->pump;

    BEGIN(t);
    for (;;) {
        AWAIT(t,
              bide_channel_recv_many(p->messages, &t->wait, r->batch, BATCH));
        if (t->status == BIDE_ECLOSED)
            break;
        must(t->status, "receive");
        take_batch(r, t->wait.u.many.count);
        AWAIT(t, bide_yield(&t->wait)); /* or commit this batch's offsets */
    }
    END(t);
}

/* -- the program ---------------------------------------------------------- */

int
main(int argc, char **argv)
{
    pump p = {.count = argc > 1 ? atoll(argv[1]) : 10000};
    bide_site here = {__FILE__, __LINE__};

    must(bide_loop_new(NULL, &p.loop), "loop");
    must(bide_channel_new(CAPACITY, "messages", here, &p.messages), "channel");
    start_thread(&p);
    reader *r = task_new(p.loop, NULL, "reader", sizeof *r, read_batches);
    r->pump = &p;
    must(bide_loop_run(p.loop, NULL), "run");

    /* The task has ended; this awaits the thread, and calls its `done`. */
    must(bide_loop_close(p.loop, BIDE_FOREVER, NULL, NULL), "close");
    bide_loop_unref(p.loop);
    bide_channel_unref(p.messages); /* empty: the task received until closed */
    printf("%lld messages in %zu batches, the largest of %zu\n",
           (long long)p.seen, p.batches, p.largest);
    return p.seen == p.count ? 0 : 1;
}
