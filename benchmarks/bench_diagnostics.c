/* bench_diagnostics - what it costs that hangs are explained: a switch, a lock
 * and a channel operation
 *   off                  in a build without diagnostics (BIDE_DIAGNOSTICS=OFF)
 *   bide                 as they are by default
 *   watchdog and stats   with the watchdog at 100 ms and statistics
 *   debug                with `debug` as well
 * They take turns in one process, many short runs each; the fastest counts, as
 * what else the machine does only adds. `--count N`: N operations each, once,
 * for cost.py, which counts instructions. */
#include "harness.h"

#include <dlfcn.h>
#include <libgen.h>

#include "diagnostics/operations.h"

typedef int64_t runner(int which, const bide_loop_options *how, uint64_t n);

enum { IMPLS = 4, TURNS_QUICK = 25, TURNS_FULL = 101, NS_RUN = 20000000 };

static struct impl {
    const char *name;
    bide_loop_options how;
    runner *run; /* NULL: not built */
} impls[IMPLS] = {
    {.name = "off"},
    {.name = "bide"},
    {.name = "watchdog and stats",
     .how = {.stats = true, .watchdog.threshold = 100000000}},
    {.name = "debug", .how = {.debug = true, .stats = true}},
};

static const char *const cases[OPERATION_COUNT] = {
    [OPERATION_SWITCH] = "switch",
    [OPERATION_LOCK] = "lock",
    [OPERATION_CONTENDED] = "lock, 100 tasks",
    [OPERATION_CHANNEL] = "channel",
};

/** The operations of the build in `tree`, or NULL. */
static runner *
load(const char *tree)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/benchmarks/operations.so", tree);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    return module ? (runner *)dlsym(module, "operations_run") : NULL;
}

/** Finds both builds: this program's, and the bare one beside it or in
 * BIDE_BARE. */
static void
load_all(const char *program)
{
    char tree[4000], copy[4000], bare[4096];
    const char *elsewhere = getenv("BIDE_BARE");
    snprintf(copy, sizeof copy, "%s", program);
    snprintf(tree, sizeof tree, "%s/..", dirname(copy));
    snprintf(bare, sizeof bare, "%s/../bare", tree);
    impls[0].run = load(elsewhere ? elsewhere : bare);
    runner *usual = load(tree);
    if (!usual) {
        fprintf(stderr, "bench_diagnostics: %s\n", dlerror());
        exit(1);
    }
    for (int i = 1; i < IMPLS; i++)
        impls[i].run = usual;
}

static uint64_t
enough(int which)
{
    uint64_t n = 1000;
    while (impls[1].run(which, &impls[1].how, n) < NS_RUN)
        n *= 2;
    return n;
}

static void
measure(int which, int turns)
{
    int64_t least[IMPLS] = {0};
    uint64_t n = enough(which);
    for (int turn = 0; turn < turns; turn++) {
        for (int i = 0; i < IMPLS; i++) {
            if (!impls[i].run)
                continue;
            int64_t took = impls[i].run(which, &impls[i].how, n);
            if (turn == 0 || took < least[i])
                least[i] = took;
        }
    }
    for (int i = 0; i < IMPLS; i++)
        if (impls[i].run)
            printf("{\"lang\": \"c\", \"bench\": \"diagnostics\", "
                   "\"case\": \"%s\", \"impl\": \"%s\", \"ns\": %.2f, "
                   "\"n\": %llu}\n",
                   cases[which], impls[i].name, (double)least[i] / (double)n,
                   (unsigned long long)n);
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    const char *only = "", *impl = "";
    int turns = TURNS_QUICK;
    uint64_t count = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--full") == 0)
            turns = TURNS_FULL;
        else if (strcmp(argv[i], "--case") == 0 && i + 1 < argc)
            only = argv[++i];
        else if (strcmp(argv[i], "--impl") == 0 && i + 1 < argc)
            impl = argv[++i];
        else if (strcmp(argv[i], "--count") == 0 && i + 1 < argc)
            count = strtoull(argv[++i], NULL, 10);
    }
    load_all(argv[0]);
    for (int which = 0; which < OPERATION_COUNT; which++) {
        if (!strstr(cases[which], only))
            continue;
        if (!count)
            measure(which, turns);
        for (int i = 0; i < IMPLS && count; i++)
            if (impls[i].run && strstr(impls[i].name, impl))
                impls[i].run(which, &impls[i].how, count);
    }
    return 0;
}
