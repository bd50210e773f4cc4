/* Tasks of asyncio that await what is bide's.
 *
 * In the core an asyncio task has a stand-in: a task that asyncio drives. An
 * operation that parks gives the stand-in to asyncio as the future to wait for;
 * when it is over, the core resumes the stand-in, and that steps the asyncio
 * task at once, in the place in the queue that the operation had.
 *
 * The asyncio task holds its stand-in, as an attribute, until it is done. While
 * the task waits, the loop holds the stand-in, and that the task by its
 * callback: so a task that nobody else keeps lives on, as one that asyncio's
 * timers and futures know. */
#include "bridge.h"

static bidepy_proxy *
proxy_of(bide_task *t)
{
    return (bidepy_proxy *)bidepy_task_of(t);
}

/* -- held by the loop -------------------------------------------------------
 */

static void
hold(bidepy_proxy *self)
{
    bidepy_loop *loop = self->base.runtime->aio;
    if (!loop || self->held.next)
        return;
    self->held.next = &loop->waiting;
    self->held.prev = loop->waiting.prev;
    self->held.prev->next = &self->held;
    loop->waiting.prev = &self->held;
    Py_INCREF((PyObject *)self);
}

/* The caller has a reference. */
static void
let_go(bidepy_proxy *self)
{
    if (!self->held.next)
        return;
    self->held.prev->next = self->held.next;
    self->held.next->prev = self->held.prev;
    self->held.next = NULL;
    Py_DECREF((PyObject *)self);
}

/* -- stepping the task ------------------------------------------------------
 */

/* In debug mode as a callback of the loop, so that a slow one is reported. */
static PyObject *
call_as_handle(bidepy_proxy *self, PyObject *callback, PyObject *context)
{
    bidepy_loop *loop = self->base.runtime->aio;
    PyObject *const args[] = {(PyObject *)self};
    bidepy_call call = {callback, args, 1, context};
    PyObject *handle = (PyObject *)bidepy_handle_new(loop, &call, true);
    PyObject *result = NULL;
    if (handle)
        result = PyObject_CallMethod(loop->st->aio->helpers, "run_debug", "OO",
                                     (PyObject *)loop, handle);
    Py_XDECREF(handle);
    return result;
}

static PyObject *
call_back(bidepy_proxy *self)
{
    PyObject *callback = self->callback;
    PyObject *context = self->callback_context;
    self->callback = self->callback_context = NULL;
    PyObject *result = NULL;
    if (self->base.runtime->aio && self->base.runtime->aio->debug) {
        result = call_as_handle(self, callback, context);
    } else if (context && PyContext_Enter(context) == 0) {
        result = PyObject_CallOneArg(callback, (PyObject *)self);
        if (PyContext_Exit(context))
            Py_CLEAR(result);
    } else if (!context) {
        result = PyObject_CallOneArg(callback, (PyObject *)self);
    }
    Py_DECREF(callback);
    Py_XDECREF(context);
    return result;
}

static void
resume(bide_task *t)
{
    bidepy_proxy *self = proxy_of(t);
    if (!self->callback)
        return;
    Py_INCREF((PyObject *)self);
    let_go(self);
    PyObject *result = call_back(self);
    if (!result)
        bidepy_loop_complain(self->base.runtime->aio,
                             "Exception in a step of a task", NULL);
    Py_XDECREF(result);
    Py_DECREF((PyObject *)self);
}

/* -- as a future ------------------------------------------------------------
 */

static PyObject *
proxy_get_loop(PyObject *self, PyObject *unused)
{
    (void)unused;
    bidepy_loop *loop = ((bidepy_task *)self)->runtime->aio;
    return Py_NewRef(loop ? (PyObject *)loop : Py_None);
}

static PyObject *
proxy_add_done_callback(PyObject *proxy, PyObject *const *args,
                        Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"fn", "context", NULL};
    static const bidepy_signature sig = {"add_done_callback", names, 1, 1};
    bidepy_proxy *self = (bidepy_proxy *)proxy;
    PyObject *in[2];
    if (bidepy_parse(&sig, args, nargs, kwnames, in))
        return NULL;
    if (self->callback) {
        PyErr_SetString(PyExc_RuntimeError,
                        "an operation of bide's has one task that awaits it");
        return NULL;
    }
    self->callback = Py_NewRef(in[0]);
    self->callback_context = in[1] == Py_None ? NULL : Py_XNewRef(in[1]);
    Py_CLEAR(self->message);
    self->cancelled = false;
    hold(self);
    Py_RETURN_NONE;
}

static PyObject *
proxy_remove_done_callback(PyObject *proxy, PyObject *callback)
{
    bidepy_proxy *self = (bidepy_proxy *)proxy;
    if (self->callback != callback)
        return PyLong_FromLong(0);
    Py_CLEAR(self->callback);
    Py_CLEAR(self->callback_context);
    let_go(self);
    return PyLong_FromLong(1);
}

/* False when the operation has been granted already: then asyncio throws its
 * error at the step, and what was granted is given back. */
static PyObject *
proxy_cancel(PyObject *proxy, PyObject *const *args, Py_ssize_t nargs,
             PyObject *kwnames)
{
    static const char *const names[] = {"msg", NULL};
    static const bidepy_signature sig = {"cancel", names, 0, 1};
    bidepy_proxy *self = (bidepy_proxy *)proxy;
    PyObject *in[1];
    if (bidepy_parse(&sig, args, nargs, kwnames, in))
        return NULL;
    if (self->base.task.state != BIDE_TASK_PARKED)
        Py_RETURN_FALSE;
    if (bidepy_op_interrupt(self->base.parked, in[0]))
        Py_RETURN_TRUE;
    Py_XSETREF(self->message, Py_XNewRef(in[0]));
    self->cancelled = true;
    bide_task_interrupt(&self->base.task);
    Py_RETURN_TRUE;
}

static PyObject *
proxy_result(PyObject *proxy, PyObject *unused)
{
    (void)unused;
    bidepy_proxy *self = (bidepy_proxy *)proxy;
    if (!self->cancelled)
        Py_RETURN_NONE;
    self->cancelled = false;
    PyObject *error = self->base.st->exc.cancelled_base;
    if (self->message && self->message != Py_None)
        PyErr_SetObject(error, self->message);
    else
        PyErr_SetNone(error);
    return NULL;
}

static PyObject *
proxy_done(PyObject *proxy, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((bidepy_task *)proxy)->task.state !=
                           BIDE_TASK_PARKED);
}

static PyObject *
get_blocking(PyObject *proxy, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((bidepy_task *)proxy)->parked != NULL);
}

static int
set_blocking(PyObject *proxy, PyObject *value, void *unused)
{
    (void)proxy;
    (void)value;
    (void)unused;
    return 0;
}

/* -- life -------------------------------------------------------------------
 */

static void
finish(bidepy_proxy *self)
{
    if (self->finished)
        return;
    self->finished = true;
    self->task = NULL;
    if (self->base.parked)
        bidepy_op_drop(self->base.parked);
    bide_task_finish(&self->base.task);
    if (self->base.entered)
        bidepy_abandon_entries(&self->base);
    let_go(self);
}

static void
collect(bide_task *t, void *list)
{
    if (t->resume == resume && PyList_Append(list, (PyObject *)proxy_of(t)))
        PyErr_Clear();
}

/* Their tasks, which asyncio leaves as they are, may live on and leave blocks
 * when their coroutines are closed. */
void
bidepy_proxies_finish(bidepy_loop *loop)
{
    Py_ssize_t n;
    do {
        PyObject *list = PyList_New(0);
        if (list)
            bide_loop_each_task(loop->runtime->loop, collect, list);
        PyErr_Clear();
        n = list ? PyList_GET_SIZE(list) : 0;
        for (Py_ssize_t i = 0; i < n; i++)
            finish((bidepy_proxy *)PyList_GET_ITEM(list, i));
        Py_XDECREF(list);
    } while (n);
}

static PyObject *
on_task_done(PyObject *proxy, PyObject *task)
{
    (void)task;
    finish((bidepy_proxy *)proxy);
    Py_RETURN_NONE;
}

static PyMethodDef on_task_done_def = {"bide_task_done", on_task_done, METH_O,
                                       NULL};

/* The asyncio task holds it, and tells when it is done. */
static int
hang_on(bidepy_proxy *self, PyObject *task)
{
    bidepy_aio *aio = self->base.st->aio;
    PyObject *callback = PyCFunction_New(&on_task_done_def, (PyObject *)self);
    PyObject *added = callback ? PyObject_CallMethodOneArg(
                                     task, aio->str.add_done_callback, callback)
                               : NULL;
    Py_XDECREF(callback);
    Py_XDECREF(added);
    return added
               ? PyObject_SetAttr(task, aio->str._bide_proxy, (PyObject *)self)
               : -1;
}

static bidepy_proxy *
new_proxy(bidepy_loop *loop, PyObject *task)
{
    bidepy_state *st = loop->st;
    bidepy_proxy *self = bidepy_alloc(st, st->type.proxy, NULL);
    if (!self)
        return NULL;
    size_t head = offsetof(bidepy_task, runtime);
    memset((char *)self + head, 0, sizeof *self - head);
    self->finished = true;
    self->base.runtime = (bidepy_runtime *)Py_NewRef(loop->runtime);
    bide_task_init(&self->base.task, resume);
    self->base.task.struck = bidepy_proxy_struck;
    self->task = task;
    PyObject_GC_Track(self);
    PyObject *name = PyObject_CallMethod(task, "get_name", NULL);
    self->base.name = name;
    self->base.task.name = name ? PyUnicode_AsUTF8(name) : NULL;
    int rc = self->base.task.name
                 ? bide_task_attach(&self->base.task, loop->runtime->loop,
                                    &loop->scope)
                 : BIDE_EHOST;
    self->finished = rc != 0;
    if (rc && rc != BIDE_EHOST)
        bidepy_raise(st, rc, NULL);
    if (rc == 0 && hang_on(self, task) == 0)
        return self;
    Py_DECREF((PyObject *)self);
    return NULL;
}

bidepy_task *
bidepy_proxy_here(bidepy_state *st)
{
    bidepy_loop *loop =
        bidepy_running && bidepy_running->st == st ? bidepy_running->aio : NULL;
    bide_task *t = loop ? bide_task_current() : NULL;
    if (!t || (t != &loop->task && t->resume != resume &&
               t->resume != bidepy_task_resume))
        return NULL;
    bidepy_aio *aio = st->aio;
    PyObject *task =
        PyObject_CallMethod(aio->tasks, "current_task", "O", (PyObject *)loop);
    if (!task || task == Py_None) {
        Py_XDECREF(task);
        return NULL;
    }
    PyObject *proxy = PyObject_GetAttr(task, aio->str._bide_proxy);
    if (!proxy && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        proxy = (PyObject *)new_proxy(loop, task);
    }
    Py_DECREF(task);
    if (!proxy || !Py_IS_TYPE(proxy, st->type.proxy)) {
        Py_XDECREF(proxy);
        return NULL;
    }
    Py_DECREF(proxy); /* the task's attribute holds it */
    return (bidepy_task *)proxy;
}

static int
proxy_traverse(PyObject *proxy, visitproc visit, void *arg)
{
    bidepy_proxy *self = (bidepy_proxy *)proxy;
    Py_VISIT(Py_TYPE(proxy));
    Py_VISIT(self->base.runtime);
    Py_VISIT(self->callback);
    Py_VISIT(self->callback_context);
    return 0;
}

static int
proxy_clear(PyObject *proxy)
{
    bidepy_proxy *self = (bidepy_proxy *)proxy;
    Py_CLEAR(self->callback);
    Py_CLEAR(self->callback_context);
    return 0;
}

static void
proxy_dealloc(PyObject *proxy)
{
    bidepy_proxy *self = (bidepy_proxy *)proxy;
    PyObject_GC_UnTrack(proxy);
    if (!bide_loop_closed(self->base.runtime->loop))
        finish(self);
    proxy_clear(proxy);
    Py_XDECREF(self->message);
    Py_XDECREF(self->base.name);
    Py_DECREF(self->base.runtime);
    bidepy_free(self, NULL);
}

static PyMethodDef proxy_methods[] = {
    {"get_loop", proxy_get_loop, METH_NOARGS, NULL},
    {"add_done_callback", BIDEPY_METHOD(proxy_add_done_callback),
     METH_FASTCALL | METH_KEYWORDS, NULL},
    {"remove_done_callback", proxy_remove_done_callback, METH_O, NULL},
    {"cancel", BIDEPY_METHOD(proxy_cancel), METH_FASTCALL | METH_KEYWORDS,
     NULL},
    {"result", proxy_result, METH_NOARGS, NULL},
    {"done", proxy_done, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};

/* The operation, for reports. */
static PyObject *
get_operation(PyObject *proxy, void *unused)
{
    (void)unused;
    const bidepy_op *op = ((bidepy_task *)proxy)->parked;
    return PyUnicode_FromString(op ? op->kind->name : "its next step");
}

static PyGetSetDef proxy_getset[] = {
    {"_bide_operation", get_operation, NULL, NULL, NULL},
    {"_asyncio_future_blocking", get_blocking, set_blocking, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyType_Slot proxy_slots[] = {
    {Py_tp_doc, "What an asyncio task waits for in an operation of bide's."},
    {Py_tp_dealloc, proxy_dealloc},
    {Py_tp_traverse, proxy_traverse},
    {Py_tp_clear, proxy_clear},
    {Py_tp_methods, proxy_methods},
    {Py_tp_getset, proxy_getset},
    {0, NULL}};

PyType_Spec bidepy_proxy_spec = {
    .name = "bide._core.Waiter",
    .basicsize = sizeof(bidepy_proxy),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = proxy_slots,
};
