/* What bide.testing asks of the core. */
#include "bidepy.h"

static int
start_all_parked(bidepy_op *op)
{
    return bide_wait_all_parked(&op->wait);
}

static const bidepy_op_kind all_parked_kind = {.name = "wait_all_parked()",
                                               .start = start_all_parked,
                                               .flags = BIDEPY_OP_LEAF};

PyDoc_STRVAR(all_parked_doc,
             "wait_all_parked($module, /)\n--\n\n"
             "Wait until every other task waits and nothing is ready: until\n"
             "the rest of the program has got as far as it can without time\n"
             "passing or something happening outside.");

static PyObject *
wait_all_parked(PyObject *module, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of_module(module), &all_parked_kind,
                                     NULL);
}

static void
add_task(bide_task *t, void *list)
{
    if (t->resume == bidepy_task_resume && !PyErr_Occurred())
        PyList_Append(list, (PyObject *)bidepy_task_of(t));
}

/* New: the tasks of the runtime that are not done. */
static PyObject *
tasks(PyObject *module, PyObject *unused)
{
    (void)unused;
    bidepy_runtime *runtime =
        bidepy_runtime_here(bidepy_of_module(module), "tasks()");
    PyObject *list = runtime ? PyList_New(0) : NULL;
    if (!list)
        return NULL;
    bide_loop_each_task(runtime->loop, add_task, list);
    if (PyErr_Occurred())
        Py_CLEAR(list);
    return list;
}

/* New: how many I/O objects and jobs are open. */
static PyObject *
open_objects(PyObject *module, PyObject *unused)
{
    (void)unused;
    bidepy_runtime *runtime =
        bidepy_runtime_here(bidepy_of_module(module), "open_objects()");
    if (!runtime)
        return NULL;
    bide_loop_counts counts;
    bide_loop_count(runtime->loop, &counts);
    return Py_BuildValue("nn", (Py_ssize_t)counts.handles,
                         (Py_ssize_t)counts.jobs);
}

/* New: where a task waits, "" if that is unknown. */
static PyObject *
task_where(PyObject *module, PyObject *task)
{
    if (!Py_IS_TYPE(task, bidepy_of_module(module)->type.task)) {
        PyErr_Format(PyExc_TypeError, "a bide.Task, not %.100s",
                     Py_TYPE(task)->tp_name);
        return NULL;
    }
    return bidepy_task_where((bidepy_task *)task);
}

PyMethodDef bidepy_testing_functions[] = {
    {"wait_all_parked", wait_all_parked, METH_NOARGS, all_parked_doc},
    {"_tasks", tasks, METH_NOARGS, NULL},
    {"_open_objects", open_objects, METH_NOARGS, NULL},
    {"_task_where", task_where, METH_O, NULL},
    {NULL, NULL, 0, NULL}};
