/* The runtime's object, what it hangs into the core's loop, and bide.run(). */
#include "bidepy.h"
#include "run.h"

#include <unistd.h>

/* -- hooks of the core ---------------------------------------------------- */

static void
poll_begin(void *ctx)
{
    ((bidepy_runtime *)ctx)->thread = PyEval_SaveThread();
}

static void
poll_end(void *ctx)
{
    PyEval_RestoreThread(((bidepy_runtime *)ctx)->thread);
}

void
bidepy_runtime_fail(bidepy_runtime *self, PyObject *exc)
{
    if (!self->fatal)
        self->fatal = Py_NewRef(exc);
    if (self->interrupts > 1 &&
        PyErr_GivenExceptionMatches(exc, PyExc_KeyboardInterrupt))
        self->cut_short = true;
}

void
bidepy_runtime_exit(bidepy_runtime *self, PyObject *exc)
{
    if (self->fatal)
        self->stopped = false;
    bidepy_runtime_fail(self, exc);
    bide_loop_wake(self->loop);
}

static int
tick(void *ctx)
{
    bidepy_runtime *self = ctx;
    if (self->wakeup && PyErr_CheckSignals()) {
        PyObject *exc = bidepy_fetch();
        bidepy_runtime_fail(self, exc);
        Py_DECREF(exc);
        return BIDE_EHOST;
    }
    /* Once, not again while the end of the run lets tasks clean up. */
    if (self->fatal && (!self->stopped || self->cut_short)) {
        self->stopped = true;
        return BIDE_EHOST;
    }
    return 0;
}

/* Threads of Python that could still wake a task: all but this one and those
 * of the pool. */
static bool
has_other_threads(bidepy_runtime *self)
{
    Py_ssize_t count = -1 - self->st->pool_threads;
    PyThreadState *t = PyInterpreterState_ThreadHead(self->interpreter);
    for (; t; t = PyThreadState_Next(t))
        count++;
    return count > 0;
}

/* Handlers that asyncio's loop calls at signals may wake a task. */
static bool
awaits_signals(const bidepy_runtime *self)
{
    if (!self->aio)
        return false;
    PyObject *handlers =
        PyObject_GetAttrString((PyObject *)self->aio, "_signal_handlers");
    bool any = handlers && PyObject_Size(handlers) > 0;
    Py_XDECREF(handlers);
    PyErr_Clear();
    return any;
}

/* Other threads may end without waking anyone. */
static int
stalled(void *ctx)
{
    bidepy_runtime *self = ctx;
    if (awaits_signals(self))
        return BIDE_KEEP_QUIET;
    if (self->serving)
        return 0; /* run_forever() */
    if (has_other_threads(self))
        return BIDE_ASK_AGAIN;
    Py_XSETREF(self->report, bidepy_stall_text(self));
    return BIDE_ESTALLED;
}

/* -- the object ----------------------------------------------------------- */

static int
runtime_traverse(PyObject *runtime, visitproc visit, void *arg)
{
    bidepy_runtime *self = (bidepy_runtime *)runtime;
    Py_VISIT(Py_TYPE(runtime));
    Py_VISIT((PyObject *)self->main);
    Py_VISIT(self->fatal);
    Py_VISIT(self->report);
    Py_VISIT(self->asyncgens);
    Py_VISIT(self->old_hooks);
    Py_VISIT(self->sigint);
    Py_VISIT(self->on_blocked);
    Py_VISIT(self->on_report);
    Py_VISIT(self->aio_object);
    return 0;
}

static int
runtime_clear(PyObject *runtime)
{
    bidepy_runtime *self = (bidepy_runtime *)runtime;
    Py_CLEAR(self->main);
    Py_CLEAR(self->fatal);
    Py_CLEAR(self->report);
    Py_CLEAR(self->asyncgens);
    Py_CLEAR(self->old_hooks);
    Py_CLEAR(self->sigint);
    Py_CLEAR(self->wakeup);
    Py_CLEAR(self->on_blocked);
    Py_CLEAR(self->on_report);
    return 0;
}

static void
runtime_dealloc(PyObject *runtime)
{
    bidepy_runtime *self = (bidepy_runtime *)runtime;
    PyObject_GC_UnTrack(runtime);
    runtime_clear(runtime);
    bide_loop_unref(self->loop);
    bidepy_free(self, NULL);
}

static PyType_Slot runtime_slots[] = {{Py_tp_doc, "One bide.run()."},
                                      {Py_tp_dealloc, runtime_dealloc},
                                      {Py_tp_traverse, runtime_traverse},
                                      {Py_tp_clear, runtime_clear},
                                      {0, NULL}};

PyType_Spec bidepy_runtime_spec = {
    .name = "bide._core.Runtime",
    .basicsize = sizeof(bidepy_runtime),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = runtime_slots,
};

/* New; the loop of `options`, whose host is filled in here. */
static bidepy_runtime *
new_runtime(bidepy_state *st, bide_loop_options *options)
{
    bidepy_runtime *self = bidepy_alloc(st, st->type.runtime, NULL);
    if (!self)
        return NULL;
    size_t head = offsetof(bidepy_runtime, loop);
    memset((char *)self + head, 0, sizeof *self - head);
    PyObject_GC_Track(self);
    self->interpreter = PyInterpreterState_Get();
    self->pid = (long)getpid();
    if (st->pid != self->pid) /* no thread came along in a fork */
        st->pool_threads = 0;
    st->pid = self->pid;
    self->virtual_clock = options->virtual_clock;
    options->host = (bide_host){
        .ctx = self,
        .language = "Python",
        .where = bidepy_where,
        .what = bidepy_what,
        .others = bidepy_others,
        .poll_begin = poll_begin,
        .poll_end = poll_end,
        .tick = tick,
        .stalled = stalled,
        .thread_begin = bidepy_thread_begin,
        .thread_end = bidepy_thread_end,
        .trace = bidepy_trace,
        .blocked = bidepy_blocked,
        .report = bidepy_reported,
    };
    int rc = bide_loop_new(options, &self->loop);
    if (rc) {
        if (rc == BIDE_EINVALID)
            PyErr_SetString(PyExc_ValueError,
                            "bide.run(): BIDE_WATCHDOG, BIDE_SLOW_LOCK and "
                            "BIDE_STALL must be a time such as 100ms or 0.5s, "
                            "or off; BIDE_WATCHDOG_SIGNAL a signal's number, "
                            "or none");
        else
            bidepy_raise(st, rc, "bide.run(): the loop cannot be made");
        Py_DECREF(self);
        return NULL;
    }
    return self;
}

bidepy_runtime *
bidepy_runtime_plain(bidepy_state *st)
{
    bide_loop_options options = {.virtual_clock = false};
    return new_runtime(st, &options);
}

/* -- bide.run ------------------------------------------------------------- */

/* Whether asyncio runs a loop on this thread; -1 with an exception. */
static int
asyncio_runs(void)
{
    PyObject *name = PyUnicode_FromString("asyncio.events");
    PyObject *events = name ? PyImport_GetModule(name) : NULL;
    Py_XDECREF(name);
    if (!events)
        return PyErr_Occurred() ? -1 : 0;
    PyObject *loop = PyObject_CallMethod(events, "_get_running_loop", NULL);
    Py_DECREF(events);
    if (!loop)
        return -1;
    bool runs = loop != Py_None;
    Py_DECREF(loop);
    return runs;
}

static int
check_free(void)
{
    if (bidepy_running || bide_loop_current()) {
        PyErr_SetString(PyExc_RuntimeError,
                        "bide.run() inside a running runtime: await the "
                        "coroutine, or spawn() it");
        return -1;
    }
    int busy = asyncio_runs();
    if (busy > 0)
        PyErr_SetString(PyExc_RuntimeError,
                        "bide.run() inside a running asyncio loop: call it "
                        "from another thread (asyncio.to_thread)");
    return busy ? -1 : 0;
}

typedef struct run_arguments {
    bide_loop_options options;
    PyObject *on_blocked, *on_report; /* borrowed */
    int64_t grace;
} run_arguments;

static int
read_seed(PyObject *value, uint64_t *out)
{
    if (!PyLong_Check(value)) {
        PyErr_Format(PyExc_TypeError, "seed must be an int, not %.100s",
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    *out = PyLong_AsUnsignedLongLong(value);
    if (!PyErr_Occurred())
        return 0;
    if (PyErr_ExceptionMatches(PyExc_OverflowError))
        PyErr_Format(PyExc_ValueError, "seed must be 0 to 2**64 - 1, got %R",
                     value);
    return -1;
}

static int
read_arguments(PyObject **in, run_arguments *out)
{
    *out = (run_arguments){.grace = 10 * INT64_C(1000000000)};
    if (bidepy_flag(in[1], &out->options.debug) ||
        bidepy_flag(in[2], &out->options.virtual_clock) ||
        bidepy_flag(in[9], &out->options.stats))
        return -1;
    if (in[3] && read_seed(in[3], &out->options.seed))
        return -1;
    if (in[4] && bidepy_duration(in[4], "shutdown_timeout", &out->grace))
        return -1;
    size_t threads = 0;
    if (in[5] && bidepy_size(in[5], "pool_threads", 1, &threads))
        return -1;
    out->options.pool_threads = (unsigned)(threads < 65536 ? threads : 65536);
    out->options.debug = out->options.debug || bide_debug();
    out->on_blocked = in[8] == Py_None ? NULL : in[8];
    out->on_report = in[12] == Py_None ? NULL : in[12];
    if (bidepy_reports_read(in[10], in[11], in[12], &out->options))
        return -1;
    return bidepy_watchdog_read(in[6], in[7], in[8], &out->options.watchdog);
}

PyDoc_STRVAR(
    run_doc,
    "run($module, main, /, *, debug=False, virtual_clock=False, seed=0,\n"
    "    shutdown_timeout=10.0, pool_threads=512, watchdog=None,\n"
    "    watchdog_signal=None, on_blocked=None, stats=False, slow_lock=None,\n"
    "    stall=None, on_report=None)\n--\n\n"
    "Run a coroutine, and everything it starts, on this thread; give its\n"
    "result or raise its exception.\n\n"
    "debug             the watchdog is on, and a threading lock held across "
    "an\n"
    "                  await is reported; also by BIDE_DEBUG=1\n"
    "virtual_clock     time jumps to the next deadline when all tasks wait: "
    "for\n"
    "                  tests\n"
    "seed              not 0: ready tasks run in an order drawn from it\n"
    "shutdown_timeout  seconds to wait at the end for spawn_blocking() work;\n"
    "                  None: without end\n"
    "pool_threads      most threads for spawn_blocking()\n"
    "watchdog          seconds a step may last before its stack is printed;\n"
    "                  True: 0.1, False: never, None: as BIDE_WATCHDOG says\n"
    "watchdog_signal   its signal instead of SIGURG; 0: none\n"
    "on_blocked        called with a BlockedStep once the step is over\n"
    "stats             measure, for stats() and metrics(); also by "
    "BIDE_STATS=1\n"
    "slow_lock         seconds a lock may be held, or waited for, before that "
    "is\n"
    "                  reported; True: 0.25, False: never, None: as\n"
    "                  BIDE_SLOW_LOCK says\n"
    "stall             seconds for which only another thread could wake a "
    "task\n"
    "                  before that is reported; False: never, None: as "
    "BIDE_STALL\n"
    "                  says, or 10\n"
    "on_report         called with a Report of either\n\n"
    "When main ends, tasks that are left are cancelled and awaited. Ctrl-C\n"
    "cancels main, then KeyboardInterrupt is raised; a second one is raised "
    "at\n"
    "once, and no cleanup is waited for. DeadlockError when every task waits "
    "and nothing\ncan wake one.");

static PyObject *
run(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
    PyObject *kwnames)
{
    static const char *const names[] = {"main",
                                        "debug",
                                        "virtual_clock",
                                        "seed",
                                        "shutdown_timeout",
                                        "pool_threads",
                                        "watchdog",
                                        "watchdog_signal",
                                        "on_blocked",
                                        "stats",
                                        "slow_lock",
                                        "stall",
                                        "on_report",
                                        NULL};
    static const bidepy_signature sig = {"run", names, 1, 1};
    PyObject *in[13];
    run_arguments how;
    if (bidepy_parse(&sig, args, nargs, kwnames, in) ||
        read_arguments(in, &how) || check_free())
        return NULL;
    PyObject *coro = bidepy_iterator(in[0], "bide.run()");
    bidepy_runtime *self =
        coro ? new_runtime(bidepy_of_module(module), &how.options) : NULL;
    PyObject *result = NULL;
    if (self) {
        self->debug = how.options.debug;
        self->on_blocked = Py_XNewRef(how.on_blocked);
        self->on_report = Py_XNewRef(how.on_report);
        result = bidepy_runtime_run(self, coro, how.grace);
        runtime_clear((PyObject *)self);
        Py_DECREF(self);
    }
    Py_XDECREF(coro);
    return result;
}

PyMethodDef bidepy_run_functions[] = {
    {"run", BIDEPY_METHOD(run), METH_FASTCALL | METH_KEYWORDS, run_doc},
    {NULL, NULL, 0, NULL}};
