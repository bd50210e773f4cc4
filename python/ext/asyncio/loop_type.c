/* BaseLoop, the C base of bide.EventLoop: its life, and running it. */
#include "fds.h"
#include "../run.h"
#include "bridge.h"
#include "ring.h"
#include "sock.h"

#include <unistd.h>

/* -- running -------------------------------------------------------------- */

static int
check_free(bidepy_loop *self)
{
    const char *why = NULL;
    if (self->closed)
        why = "Event loop is closed";
    else if (self->runtime->pid != (long)getpid())
        why = "this event loop belongs to the parent process: make a new one "
              "in the child (bide.new_event_loop())";
    else if (bidepy_running || bide_loop_current())
        why = "Cannot run the event loop while another loop is running";
    if (!why)
        return 0;
    PyErr_SetString(PyExc_RuntimeError, why);
    return -1;
}

static PyObject *
run(PyObject *loop, PyObject *unused)
{
    (void)unused;
    bidepy_loop *self = (bidepy_loop *)loop;
    if (check_free(self))
        return NULL;
    Py_INCREF(loop);
    bidepy_loop_started(self);
    int rc = bidepy_runtime_serve(
        self->runtime, &self->task,
        self->ring.count || self->stopping ? &self->wait : NULL);
    self->stopping = false;
    bidepy_loop_stopped(self);
    Py_DECREF(loop);
    if (rc)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
stop(PyObject *loop, PyObject *unused)
{
    (void)unused;
    bidepy_loop *self = (bidepy_loop *)loop;
    if (bidepy_running == self->runtime && !self->runtime->serving) {
        PyErr_SetString(PyExc_RuntimeError,
                        "stop() is not for the loop of bide.run(), which ends "
                        "when its main coroutine does");
        return NULL;
    }
    self->stopping = true;
    if (!self->closed && bide_loop_current() == self->runtime->loop)
        bidepy_loop_wake_here(self);
    Py_RETURN_NONE;
}

static PyObject *
shut(PyObject *loop, PyObject *unused)
{
    (void)unused;
    bidepy_loop *self = (bidepy_loop *)loop;
    if (self->closed)
        Py_RETURN_NONE;
    bidepy_runtime_shut(self->runtime, self);
    Py_RETURN_NONE;
}

static void
collect(bide_task *t, void *list)
{
    if (t->resume == bidepy_task_resume &&
        PyList_Append(list, (PyObject *)bidepy_task_of(t)))
        PyErr_Clear();
}

static PyObject *
native_tasks(PyObject *loop, PyObject *unused)
{
    (void)unused;
    bidepy_loop *self = (bidepy_loop *)loop;
    PyObject *list = PyList_New(0);
    if (list && !self->closed)
        bide_loop_each_task(self->runtime->loop, collect, list);
    return list;
}

/* -- attributes that asyncio's own methods use ----------------------------- */

static int
set_flag(PyObject *value, bool *out)
{
    int yes = value ? PyObject_IsTrue(value) : 0;
    if (yes < 0)
        return -1;
    *out = yes > 0;
    return 0;
}

static PyObject *
get_debug(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((bidepy_loop *)self)->debug);
}

/* asyncio's own are functions in Python: each Future asks get_debug(), and each
 * task _check_closed(). */
static PyObject *
ask_debug(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((bidepy_loop *)self)->debug);
}

static PyObject *
ask_closed(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((bidepy_loop *)self)->closed);
}

static PyObject *
check_closed(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (bidepy_loop_check_open((bidepy_loop *)self))
        return NULL;
    Py_RETURN_NONE;
}

static int
set_debug(PyObject *self, PyObject *value, void *unused)
{
    (void)unused;
    return set_flag(value, &((bidepy_loop *)self)->debug);
}

static PyObject *
get_closed(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((bidepy_loop *)self)->closed);
}

/* Only _shut() closes; asyncio's __init__() and close() assign it too. */
static int
set_closed(PyObject *self, PyObject *value, void *unused)
{
    (void)self;
    (void)unused;
    bool ignored;
    return set_flag(value, &ignored);
}

static PyObject *
get_stopping(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((bidepy_loop *)self)->stopping);
}

static int
set_stopping(PyObject *self, PyObject *value, void *unused)
{
    (void)unused;
    return set_flag(value, &((bidepy_loop *)self)->stopping);
}

static PyGetSetDef loop_getset[] = {
    {"_debug", get_debug, set_debug, NULL, NULL},
    {"_closed", get_closed, set_closed, NULL, NULL},
    {"_stopping", get_stopping, set_stopping, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL}};

/* -- life ----------------------------------------------------------------- */

static PyObject *
loop_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    PyObject *module = PyType_GetModuleByDef(type, &bidepy_module);
    if (!module)
        return NULL;
    bidepy_state *st = bidepy_of_module(module);
    bidepy_runtime *runtime = st->adopting; /* before other threads may run */
    st->adopting = NULL;
    if (!bidepy_aio_need(st, module))
        return NULL;
    bidepy_loop *self = (bidepy_loop *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->st = st;
    st->live++;
    if (runtime)
        Py_INCREF(runtime);
    else
        runtime = bidepy_runtime_plain(st);
    int rc = runtime ? bidepy_loop_open(self, runtime) : -1;
    if (rc == 0)
        rc = bidepy_loop_note_own(self);
    Py_XDECREF((PyObject *)runtime);
    if (rc == 0)
        return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static int
loop_traverse(PyObject *loop, visitproc visit, void *arg)
{
    bidepy_loop *self = (bidepy_loop *)loop;
    Py_VISIT(Py_TYPE(loop));
    Py_VISIT(self->runtime);
    Py_VISIT(self->itself);
    Py_VISIT(self->snapshot);
    Py_VISIT(self->spare);
    for (size_t i = 0; i < self->ring.count; i++)
        Py_VISIT(*bidepy_ring_at(&self->ring, i));
    bidepy_link *at = self->armed.next;
    for (; at && at != &self->armed; at = at->next)
        Py_VISIT((PyObject *)bidepy_container(at, bidepy_timer_handle, armed));
    for (at = self->waiting.next; at && at != &self->waiting; at = at->next)
        Py_VISIT((PyObject *)bidepy_container(at, bidepy_proxy, held));
    return bidepy_loop_visit_fds(self, visit, arg);
}

static int
loop_clear(PyObject *loop)
{
    bidepy_loop *self = (bidepy_loop *)loop;
    if (self->runtime && !self->closed)
        bidepy_runtime_shut(self->runtime, self);
    Py_CLEAR(self->itself);
    Py_CLEAR(self->snapshot);
    Py_CLEAR(self->spare);
    return 0;
}

static void
loop_dealloc(PyObject *loop)
{
    bidepy_loop *self = (bidepy_loop *)loop;
    bidepy_state *st = self->st;
    PyTypeObject *type = Py_TYPE(loop);
    PyObject_GC_UnTrack(loop);
    loop_clear(loop);
    Py_XDECREF((PyObject *)self->runtime);
    type->tp_free(loop);
    Py_DECREF(type);
    if (--st->live == 0)
        bidepy_state_drop(st);
}

static PyMethodDef run_methods[] = {
    {"_run", run, METH_NOARGS, NULL},
    {"stop", stop, METH_NOARGS,
     "stop($self)\n--\n\n"
     "Have run_forever() return when the callbacks that are due have run."},
    {"get_debug", ask_debug, METH_NOARGS,
     "get_debug($self)\n--\n\nWhether debug mode is on."},
    {"is_closed", ask_closed, METH_NOARGS,
     "is_closed($self)\n--\n\nWhether close() has been called."},
    {"_check_closed", check_closed, METH_NOARGS,
     "_check_closed($self)\n--\n\n"},
    {"_shut", shut, METH_NOARGS, NULL},
    {"_native_tasks", native_tasks, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};

/* The type's methods stand in several tables. */
static int
add_methods(PyTypeObject *type, PyMethodDef *methods)
{
    for (PyMethodDef *m = methods; m->ml_name; m++) {
        PyObject *descriptor = PyDescr_NewMethod(type, m);
        int rc = descriptor ? PyDict_SetItemString(type->tp_dict, m->ml_name,
                                                   descriptor)
                            : -1;
        Py_XDECREF(descriptor);
        if (rc)
            return -1;
    }
    return 0;
}

int
bidepy_loop_type_init(bidepy_state *st)
{
    PyTypeObject *type = st->type.loop;
    if (add_methods(type, bidepy_loop_call_methods) ||
        add_methods(type, bidepy_loop_fd_methods) ||
        add_methods(type, bidepy_loop_sock_methods))
        return -1;
    PyType_Modified(type);
    return 0;
}

/* As of any object; that it was asked for tells that asyncio looks the loop up.
 */
static Py_hash_t
loop_hash(PyObject *loop)
{
    bidepy_loop *self = (bidepy_loop *)loop;
    if (bidepy_running == self->runtime && !self->runtime->shown)
        bidepy_view_show(self);
    size_t bits = (size_t)(uintptr_t)loop;
    return (Py_hash_t)(bits >> 4 | bits << (8 * sizeof bits - 4));
}

static PyType_Slot loop_slots[] = {{Py_tp_doc, "The C base of bide.EventLoop."},
                                   {Py_tp_new, loop_new},
                                   {Py_tp_dealloc, loop_dealloc},
                                   {Py_tp_traverse, loop_traverse},
                                   {Py_tp_clear, loop_clear},
                                   {Py_tp_methods, run_methods},
                                   {Py_tp_getset, loop_getset},
                                   {Py_tp_hash, loop_hash},
                                   {0, NULL}};

PyType_Spec bidepy_loop_spec = {
    .name = "bide._core.BaseLoop",
    .basicsize = sizeof(bidepy_loop),
    .flags = BIDEPY_CALLABLE_TYPE_FLAGS | Py_TPFLAGS_BASETYPE,
    .slots = loop_slots,
};
