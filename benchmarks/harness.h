/* harness.h - what the bench_*.c share: how a case is timed and reported.
 *
 * A bench lists its cases and calls harness_main. A case runs n operations on
 * a loop of its own and answers their time in ns; the harness finds an n that
 * makes a run long enough (which warms up too), repeats it and prints the
 * median as one line of JSON. */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bide.h>

typedef struct harness_case {
    const char *name;
    int64_t (*run)(bide_loop *l, uint64_t n);
    uint64_t fixed; /* not 0: n is part of the case */
} harness_case;

enum {
    HARNESS_QUICK = 20000000, /* ns a run should last */
    HARNESS_FULL = 100000000,
    HARNESS_REPEATS = 3
};

static inline int64_t
harness_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/** Whether a case answers CPU time: such a case has called harness_cpu. */
static bool harness_counts_cpu;

static inline int64_t
harness_cpu(void)
{
    harness_counts_cpu = true;
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/** Ends the program unless `status` is a success. */
static inline void
harness_check(int status, const char *what)
{
    if (status >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, bide_strerror(status));
    exit(1);
}

/** Memory for `count` objects; the program ends when there is none. */
static inline void *
harness_alloc(size_t count, size_t size)
{
    void *p = calloc(count, size);
    if (!p)
        harness_check(BIDE_ENOMEMORY, "allocation");
    return p;
}

/** Puts a new task into the loop. */
static inline void
harness_start(bide_loop *l, bide_task *t, void (*resume)(bide_task *),
              void *host)
{
    bide_task_init(t, resume);
    t->host = host;
    harness_check(bide_task_start(t, l, NULL, NULL), "start");
}

/** Runs the loop until no task is left; the time that took. */
static inline int64_t
harness_run(bide_loop *l)
{
    int64_t start = harness_now();
    harness_check(bide_loop_run(l, NULL), "run");
    return harness_now() - start;
}

static inline int64_t
harness_once(const harness_case *c, uint64_t n)
{
    bide_loop *l;
    harness_check(bide_loop_new(NULL, &l), "loop");
    int64_t elapsed = c->run(l, n);
    harness_check(bide_loop_close(l, 0, NULL, NULL), "close");
    bide_loop_unref(l);
    return elapsed;
}

static inline int
harness_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline void
harness_measure(const char *bench, const harness_case *c, int64_t budget)
{
    uint64_t n = c->fixed ? c->fixed : 1000;
    int64_t elapsed = c->fixed ? budget : harness_once(c, n);
    while (elapsed < budget / 2) {
        uint64_t factor = (uint64_t)(budget / (elapsed > 0 ? elapsed : 1));
        n *= factor < 2 ? 2 : factor > 10 ? 10 : factor;
        elapsed = harness_once(c, n);
    }
    double samples[HARNESS_REPEATS];
    harness_counts_cpu = false;
    for (int i = 0; i < HARNESS_REPEATS; i++)
        samples[i] = (double)harness_once(c, n) / (double)n;
    qsort(samples, HARNESS_REPEATS, sizeof *samples, harness_compare);
    printf("{\"lang\": \"c\", \"bench\": \"%s\", \"case\": \"%s\", "
           "\"impl\": \"bide\", \"ns\": %.2f, \"n\": %llu%s}\n",
           bench, c->name, samples[HARNESS_REPEATS / 2], (unsigned long long)n,
           harness_counts_cpu ? ", \"clock\": \"cpu\"" : "");
    fflush(stdout);
}

/** Measures the cases; `--full` for longer runs, `--case NAME` for those whose
 * name contains it; `--list` prints who takes part. `cases` ends with a zeroed
 * entry. */
static inline int
harness_main(int argc, char **argv, const char *bench,
             const harness_case *cases)
{
    int64_t budget = HARNESS_QUICK;
    const char *only = "";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--full") == 0)
            budget = HARNESS_FULL;
        else if (strcmp(argv[i], "--list") == 0)
            return puts("[\"bide\"]") < 0;
        else if (strcmp(argv[i], "--case") == 0 && i + 1 < argc)
            only = argv[++i];
    }
    for (const harness_case *c = cases; c->name; c++) {
        if (strstr(c->name, only))
            harness_measure(bench, c, budget);
    }
    return 0;
}

#endif
