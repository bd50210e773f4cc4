/* bide.sleep, sleep_until, yield_now, now. */
#include "bidepy.h"

static int
start_sleep(bidepy_op *op)
{
    bide_wait *w = &op->wait;
    if (op->word.integer == 0)
        return bide_yield(w);
    return bide_sleep_until(w,
                            bidepy_deadline(w->task->loop, op->word.integer));
}

static int
start_sleep_until(bidepy_op *op)
{
    bide_loop_now(op->wait.task->loop, true);
    return bide_sleep_until(&op->wait, op->word.integer);
}

static int
start_yield(bidepy_op *op)
{
    return bide_yield(&op->wait);
}

static const bidepy_op_kind sleep_kind = {
    .name = "sleep()", .start = start_sleep, .flags = BIDEPY_OP_LEAF};
static const bidepy_op_kind sleep_until_kind = {.name = "sleep_until()",
                                                .start = start_sleep_until,
                                                .flags = BIDEPY_OP_LEAF};
static const bidepy_op_kind yield_kind = {
    .name = "yield_now()", .start = start_yield, .flags = BIDEPY_OP_LEAF};

static PyObject *
timed(PyObject *module, const bidepy_op_kind *kind, PyObject *when,
      const char *argument)
{
    int64_t ns;
    if (bidepy_duration(when, argument, &ns))
        return NULL;
    bidepy_op *op = bidepy_op_new(bidepy_of_module(module), kind, NULL);
    if (op)
        op->word.integer = ns;
    return (PyObject *)op;
}

PyDoc_STRVAR(sleep_doc,
             "sleep($module, seconds, /)\n--\n\n"
             "Wait for this many seconds (int or float), never less. 0 gives\n"
             "other tasks a turn; None and math.inf wait until cancelled.");

static PyObject *
sleep_for(PyObject *module, PyObject *seconds)
{
    return timed(module, &sleep_kind, seconds, "seconds");
}

PyDoc_STRVAR(sleep_until_doc,
             "sleep_until($module, when, /)\n--\n\n"
             "Wait until bide.now() shows `when`, in seconds. A time that has\n"
             "passed gives other tasks a turn.");

static PyObject *
sleep_until(PyObject *module, PyObject *when)
{
    return timed(module, &sleep_until_kind, when, "when");
}

PyDoc_STRVAR(yield_now_doc, "yield_now($module, /)\n--\n\n"
                            "Give every other ready task a turn.");

static PyObject *
yield_now(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    if (bidepy_no_arguments("yield_now", nargs))
        return NULL;
    return (PyObject *)bidepy_op_new(bidepy_of_module(module), &yield_kind,
                                     NULL);
}

PyDoc_STRVAR(now_doc,
             "now($module, /)\n--\n\n"
             "The runtime's clock in seconds: monotonic, from an arbitrary\n"
             "start. NoRuntimeError outside bide.run().");

static PyObject *
now(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    if (bidepy_no_arguments("now", nargs))
        return NULL;
    bidepy_runtime *runtime =
        bidepy_runtime_here(bidepy_of_module(module), "bide.now()");
    if (!runtime)
        return NULL;
    return PyFloat_FromDouble((double)bide_loop_now(runtime->loop, true) / 1e9);
}

PyMethodDef bidepy_time_functions[] = {
    {"sleep", sleep_for, METH_O, sleep_doc},
    {"sleep_until", sleep_until, METH_O, sleep_until_doc},
    {"yield_now", BIDEPY_METHOD(yield_now), METH_FASTCALL, yield_now_doc},
    {"now", BIDEPY_METHOD(now), METH_FASTCALL, now_doc},
    {NULL, NULL, 0, NULL}};
