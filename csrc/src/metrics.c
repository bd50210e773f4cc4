/* Statistics in OpenMetrics' text form. All samples of one family stand
 * together, so each family asks all loops.
 *
 * Of the buckets four are taken as one, between bounds that are the same for
 * every histogram of times (1.024 us to 34 s) and in every process, so that a
 * server can add them up. */
#include <inttypes.h>

#include "stats_text.h"

static void
add_labels(bide__text *x, const bide_loop *l)
{
    bide__text_add(x, "runtime=\"%" PRIu64 "\",language=\"",
                   l->registered.serial);
    bide__stats_language(x, l);
    bide__text_add(x, "\"");
}

/* -- counters ------------------------------------------------------------- */

static void
add_counter(bide__text *x, const bide_loop *l, int which)
{
    bide__text_add(x, "bide_%s_total{", bide__stats_counters[which].name);
    add_labels(x, l);
    bide__text_add(x, "} %" PRIu64 "\n", bide__stats_counter(l, which));
}

static void
add_counters(bide__text *x)
{
    for (int i = 0; i < BIDE__STATS_COUNTERS; i++) {
        const bide__stats_name *about = &bide__stats_counters[i];
        bide__text_add(x, "# TYPE bide_%s counter\n# HELP bide_%s %s.\n",
                       about->name, about->name, about->help);
        bide__stats_each(add_counter, x, i);
    }
}

/* -- histograms ----------------------------------------------------------- */

enum { FIRST_TIME = 10, LAST_TIME = 35, FIRST_DEPTH = 0, LAST_DEPTH = 20 };

static void
add_bucket(bide__text *x, const bide_loop *l, int which, uint64_t bound,
           uint64_t count)
{
    bide__text_add(x, "bide_%s_bucket{", bide__stats_names[which].name);
    add_labels(x, l);
    bide__text_add(x, ",le=\"");
    if (bound == 0)
        bide__text_add(x, "+Inf");
    else if (which == BIDE__STATS_DEPTH)
        bide__text_add(x, "%" PRIu64 ".0", bound - 1);
    else
        bide__stats_value(x, which, bound);
    bide__text_add(x, "\"} %" PRIu64 "\n", count);
}

/* Buckets end at each power of two, exactly. */
static void
add_histogram(bide__text *x, const bide_loop *l, int which)
{
    bool depth = which == BIDE__STATS_DEPTH;
    int bit = depth ? FIRST_DEPTH : FIRST_TIME;
    int last = depth ? LAST_DEPTH : LAST_TIME;
    uint64_t count = 0;
    if (!l->stats)
        return;
    const bide__histogram *h = &l->stats->histograms[which];
    for (int i = 0; i < BIDE__BUCKETS; i++) {
        count += bide__stats_read(&h->buckets[i]);
        uint64_t bound = UINT64_C(1) << bit;
        if (bit > last || bide__stats_above(i) != bound)
            continue;
        add_bucket(x, l, which, bound, count);
        bit++;
    }
    add_bucket(x, l, which, 0, count);
    const char *name = bide__stats_names[which].name;
    bide__text_add(x, "bide_%s_count{", name);
    add_labels(x, l);
    bide__text_add(x, "} %" PRIu64 "\nbide_%s_sum{", count, name);
    add_labels(x, l);
    bide__text_add(x, "} ");
    bide__stats_value(x, which, bide__stats_read(&h->sum));
    bide__text_add(x, "\n");
}

static void
add_histograms(bide__text *x)
{
    for (int i = 0; i < BIDE__STATS_COUNT; i++) {
        const bide__stats_name *about = &bide__stats_names[i];
        bide__text_add(x, "# TYPE bide_%s histogram\n", about->name);
        if (i != BIDE__STATS_DEPTH)
            bide__text_add(x, "# UNIT bide_%s seconds\n", about->name);
        bide__text_add(x, "# HELP bide_%s %s.\n", about->name, about->help);
        bide__stats_each(add_histogram, x, i);
    }
}

int
bide_metrics(char **out)
{
    bide__text x = {0};
    add_counters(&x);
    add_histograms(&x);
    bide__text_add(&x, "# EOF\n");
    if (x.failed) {
        bide__text_fini(&x);
        return BIDE_ENOMEMORY;
    }
    *out = x.at;
    return 0;
}
