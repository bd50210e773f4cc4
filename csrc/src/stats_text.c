#include "stats_text.h"

#include <inttypes.h>

const bide__stats_name bide__stats_names[BIDE__STATS_COUNT] = {
    {"step_seconds", "How long a task ran until it waited"},
    {"scheduling_delay_seconds",
     "From the step or poll that woke a task to its next step"},
    {"lock_wait_seconds", "How long tasks waited for locks they then got"},
    {"lock_hold_seconds", "From getting a lock to giving it back"},
    {"pool_queue_seconds", "How long jobs waited for a thread of the pool"},
    {"channel_depth", "Values in a channel as a task sent one"},
};

const bide__stats_name bide__stats_counters[BIDE__STATS_COUNTERS] = {
    {"steps", "Steps of tasks"},
    {"polls", "Looks at the system for I/O"},
    {"blocks", "Steps the watchdog saw last too long"},
    {"slow_locks", "Locks held or waited for too long"},
    {"stalls", "Times in which only another thread could wake a task"},
    {"locks_taken", "Locks, permits and read locks given to tasks"},
};

uint64_t
bide__stats_read(const atomic_uint_fast64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

uint64_t
bide__stats_counter(const bide_loop *l, int which)
{
    const atomic_uint_fast64_t *const counters[] = {
        NULL,
        &l->polls,
        &l->watched.blocks,
        &l->reports.slow_locks,
        &l->reports.stalls,
        l->stats ? &l->stats->locks_taken : NULL};
    if (which == 0)
        return bide__loop_steps(l);
    return counters[which] ? bide__stats_read(counters[which]) : 0;
}

static void
keep_loop(bide__registered *r)
{
    bide_loop_ref(bide__of(r, bide_loop, registered));
}

void
bide__stats_each(void (*write)(bide__text *x, const bide_loop *l, int n),
                 bide__text *x, int n)
{
    bide__registered *r;
    uint64_t after = 0;
    while ((r = bide__registry_next(after, keep_loop))) {
        bide_loop *l = bide__of(r, bide_loop, registered);
        after = r->serial;
        if (l->fork_count == bide__fork_count)
            write(x, l, n);
        bide_loop_unref(l);
    }
}

void
bide__stats_language(bide__text *x, const bide_loop *l)
{
    const char *from = l->host.language ? l->host.language : "C";
    for (; *from; from++) {
        bool plain = *from >= ' ' && *from < 0x7f && *from != '"';
        bide__text_bytes(x, plain && *from != '\\' ? from : "?", 1);
    }
}

void
bide__stats_value(bide__text *x, int which, uint64_t value)
{
    if (which == BIDE__STATS_DEPTH)
        bide__text_add(x, "%" PRIu64, value);
    else
        bide__text_add(x, "%" PRIu64 ".%09" PRIu64, value / 1000000000,
                       value % 1000000000);
}

/* -- JSON ----------------------------------------------------------------- */

static void
add_buckets(bide__text *x, const bide__histogram *h, int which)
{
    uint64_t count = 0;
    const char *comma = "";
    bide__text_add(x, "\"buckets\":[");
    for (int i = 0; i < BIDE__BUCKETS; i++) {
        uint64_t n = bide__stats_read(&h->buckets[i]);
        if (n == 0)
            continue;
        count += n;
        bide__text_add(x, "%s[", comma);
        bide__stats_value(x, which, bide__stats_above(i) - 1);
        bide__text_add(x, ",%" PRIu64 "]", n);
        comma = ",";
    }
    bide__text_add(x, "],\"count\":%" PRIu64, count);
}

static void
add_histogram(bide__text *x, const bide__stats *s, int which)
{
    const bide__histogram *h = &s->histograms[which];
    bide__text_add(x, "%s\"%s\":{", which ? "," : "",
                   bide__stats_names[which].name);
    add_buckets(x, h, which);
    bide__text_add(x, ",\"sum\":");
    bide__stats_value(x, which, bide__stats_read(&h->sum));
    bide__text_add(x, ",\"max\":");
    bide__stats_value(x, which, bide__stats_read(&h->max));
    bide__text_add(x, "}");
}

static void
add_loop(bide__text *x, const bide_loop *l, int n)
{
    (void)n;
    bool first = x->at[x->used - 1] == '[';
    bide__text_add(x, "%s{\"id\":%" PRIu64 ",\"language\":\"", first ? "" : ",",
                   l->registered.serial);
    bide__stats_language(x, l);
    bide__text_add(x, "\",\"enabled\":%s,\"counters\":{",
                   l->stats ? "true" : "false");
    for (int i = 0; i < BIDE__STATS_COUNTERS; i++)
        bide__text_add(x, "%s\"%s\":%" PRIu64, i ? "," : "",
                       bide__stats_counters[i].name, bide__stats_counter(l, i));
    bide__text_add(x, "},\"histograms\":{");
    for (int i = 0; i < BIDE__STATS_COUNT && l->stats; i++)
        add_histogram(x, l->stats, i);
    bide__text_add(x, "}}");
}

int
bide_stats_text(char **out)
{
    bide__text x = {0};
    bide__text_add(&x, "{\"runtimes\":[");
    if (!x.failed)
        bide__stats_each(add_loop, &x, 0);
    bide__text_add(&x, "]}\n");
    if (x.failed) {
        bide__text_fini(&x);
        return BIDE_ENOMEMORY;
    }
    *out = x.at;
    return 0;
}
