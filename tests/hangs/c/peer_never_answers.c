/* A client waits for an answer that does not come, while the rest goes on.
 *
 * env: BIDE_DUMP_SIGNAL=USR1
 * signal: USR1
 * hangs
 * expect: task "client" ({A}): parked for ... waits for Stream: read
 * expect: task "heartbeat" ({B}): parked for
 */
#include "hang.h"

static bide_stream *ends[2];

static void
client(task *t)
{
    BEGIN(t);
    AWAIT(t, bide_stream_write(ends[0], "hello\n", 6, &t->wait));
    puts("ready");
    fflush(stdout);
    AWAIT(t, bide_stream_read(ends[0], 100, &t->wait));
    END(t);
}

static void
heartbeat(task *t)
{
    BEGIN(t);
    for (;;)
        AWAIT(t, bide_sleep_until(&t->wait,
                                  bide_loop_now(t->base.loop, true) + 10 * MS));
    END(t);
}

int
main(void)
{
    bide_loop *loop = loop_new(NULL);

    must(bide_stream_pair(loop, ends), "pair");
    spawn(loop, "client", client);       /* A */
    spawn(loop, "heartbeat", heartbeat); /* B */
    return run(loop);
}
