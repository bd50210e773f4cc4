/* bide.gather and bide.race. */
#include "group.h"

/* New tuple: the iterators that drive `args`. */
static PyObject *
iterators(PyObject *const *args, Py_ssize_t nargs, const char *what)
{
    PyObject *all = PyTuple_New(nargs);
    for (Py_ssize_t i = 0; all && i < nargs; i++) {
        PyObject *one = bidepy_iterator(args[i], what);
        if (one)
            PyTuple_SET_ITEM(all, i, one);
        else
            Py_CLEAR(all);
    }
    return all;
}

/* New operation that owns a group and the iterators. */
static PyObject *
new_op(bidepy_state *st, const bidepy_op_kind *kind, int policy,
       PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *all = bidepy_op_distinct(args, nargs, kind->name)
                        ? NULL
                        : iterators(args, nargs, kind->name);
    bidepy_group *group = all ? bidepy_group_new(st, policy) : NULL;
    bidepy_op *op = group ? bidepy_op_new(st, kind, (PyObject *)group) : NULL;
    Py_XDECREF((PyObject *)group);
    if (op)
        op->arg = all;
    else
        Py_XDECREF(all);
    return (PyObject *)op;
}

/* Replaces the iterators in op->arg by their tasks. */
static int
spawn_all(bidepy_op *op, bidepy_group *group)
{
    Py_ssize_t n = PyTuple_GET_SIZE(op->arg);
    PyObject *tasks = PyTuple_New(n);
    for (Py_ssize_t i = 0; tasks && i < n; i++) {
        bidepy_spawn how = {.coro = PyTuple_GET_ITEM(op->arg, i)};
        bidepy_task *task = bidepy_group_spawn(group, &how);
        if (task)
            PyTuple_SET_ITEM(tasks, i, (PyObject *)task);
        else
            Py_CLEAR(tasks);
    }
    if (!tasks)
        return -1;
    Py_SETREF(op->arg, tasks);
    return 0;
}

static int
start_group(bidepy_op *op)
{
    bidepy_group *group = (bidepy_group *)op->owner;
    if (bidepy_group_open(group, bidepy_task_of(op->wait.task)))
        return BIDE_EHOST;
    if (spawn_all(op, group)) {
        PyObject *error = bidepy_fetch();
        bidepy_group_cancel(group, NULL);
        bidepy_group_close(group);
        bidepy_reraise(error);
        Py_DECREF(error);
        return BIDE_EHOST;
    }
    return bidepy_group_join(group, op);
}

static void
release_group(bidepy_op *op)
{
    bidepy_group *group = (bidepy_group *)op->owner;
    if (group->phase != BIDEPY_GROUP_OPEN)
        return;
    bidepy_group_cancel(group, NULL);
    if (bidepy_group_close(group) == BIDE_EHOST)
        PyErr_Clear();
}

static void
drop_group(bidepy_op *op)
{
    ((bidepy_group *)op->owner)->waiter = NULL;
    bide_wait_drop(&op->wait);
}

/* -- gather --------------------------------------------------------------- */

static PyObject *
results_of(PyObject *tasks)
{
    Py_ssize_t n = PyTuple_GET_SIZE(tasks);
    PyObject *results = PyList_New(n);
    for (Py_ssize_t i = 0; results && i < n; i++) {
        bidepy_task *task = (bidepy_task *)PyTuple_GET_ITEM(tasks, i);
        PyList_SET_ITEM(results, i, Py_NewRef(task->result));
    }
    return results;
}

static PyObject *
finish_gather(bidepy_op *op)
{
    bidepy_group *group = (bidepy_group *)op->owner;
    if (bidepy_group_close(group) == BIDE_EHOST)
        return NULL;
    if (bidepy_group_passes_interrupt(group))
        return NULL;
    if (group->errors)
        return bidepy_reraise(PyList_GET_ITEM(group->errors, 0));
    if (bidepy_group_passes_cancel(group, op))
        return NULL;
    return results_of(op->arg);
}

static const bidepy_op_kind gather_kind = {
    .name = "gather()",
    .start = start_group,
    .finish = finish_gather,
    .release = release_group,
    .drop = drop_group,
    .interrupt = bidepy_group_interrupt,
    .flags = BIDEPY_OP_NO_RACE,
};

PyDoc_STRVAR(gather_doc,
             "gather($module, /, *aws, return_exceptions=False)\n--\n\n"
             "Run awaitables beside each other and give the list of their\n"
             "results, in the order of the arguments.\n\n"
             "The first error cancels the others, which are awaited, and is\n"
             "raised. With return_exceptions nothing is cancelled, and errors\n"
             "stand in the list. Cancelling the caller cancels all of them.");

static PyObject *
gather(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
       PyObject *kwnames)
{
    bool collect = false;
    Py_ssize_t named = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t i = 0; i < named; i++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, i);
        if (PyUnicode_CompareWithASCIIString(name, "return_exceptions")) {
            PyErr_Format(PyExc_TypeError,
                         "gather() got an unexpected keyword argument %R",
                         name);
            return NULL;
        }
        int yes = PyObject_IsTrue(args[nargs + i]);
        if (yes < 0)
            return NULL;
        collect = yes;
    }
    return new_op(bidepy_of_module(module), &gather_kind,
                  collect ? BIDEPY_NO_ERROR : BIDEPY_FIRST_ERROR, args, nargs);
}

/* -- race of tasks -------------------------------------------------------- */

static PyObject *
finish_race(bidepy_op *op)
{
    bidepy_group *group = (bidepy_group *)op->owner;
    if (bidepy_group_close(group) == BIDE_EHOST)
        return NULL;
    if (bidepy_group_passes_interrupt(group))
        return NULL;
    bidepy_task *first = (bidepy_task *)group->first;
    if (first->outcome == BIDEPY_RESULT)
        return Py_NewRef(first->result);
    if (first->outcome == BIDEPY_CANCELLED &&
        bidepy_group_passes_cancel(group, op))
        return NULL;
    return bidepy_reraise(first->result);
}

static const bidepy_op_kind race_kind = {
    .name = "race()",
    .start = start_group,
    .finish = finish_race,
    .release = release_group,
    .drop = drop_group,
    .interrupt = bidepy_group_interrupt,
    .flags = BIDEPY_OP_NO_RACE,
};

/* -- race of operations: sibling waits of one task, no tasks needed ---------
 */

static bidepy_op *
child_at(bidepy_op *op, Py_ssize_t i)
{
    return (bidepy_op *)PyTuple_GET_ITEM(op->arg, i);
}

/* The operation that decided the race is kept in word.ptr, its status in
 * wait.status of the race's own node, which takes no part. */
static int
decide(bidepy_op *op, bidepy_op *winner, int status)
{
    op->word.ptr = winner;
    op->wait.status = status;
    return 0;
}

/* Another race, or an await, may have had one of them meanwhile: then it is
 * not this race's to end, and none is. */
static bool
are_new(bidepy_op *op)
{
    Py_ssize_t n = PyTuple_GET_SIZE(op->arg);
    for (Py_ssize_t i = 0; i < n; i++) {
        if (child_at(op, i)->phase == BIDEPY_OP_NEW)
            continue;
        bidepy_op_raise_used(child_at(op, i));
        Py_CLEAR(op->arg);
        return false;
    }
    return true;
}

static int
start_waits(bidepy_op *op)
{
    if (!are_new(op))
        return BIDE_EHOST;
    bide_task *t = op->wait.task;
    Py_ssize_t n = PyTuple_GET_SIZE(op->arg);
    bidepy_op *child = NULL;
    int status = BIDE_PARKED;
    bide_race_begin(t);
    for (Py_ssize_t i = 0; i < n; i++) {
        child = child_at(op, i);
        bide_wait_init(&child->wait, t);
        child->phase = BIDEPY_OP_RACED;
        status = child->kind->start(child);
        if (status != BIDE_PARKED || child->wait.state == BIDE_WAIT_FIRED)
            break;
    }
    if (bide_race_end(t, status != BIDE_PARKED))
        return BIDE_PARKED;
    return decide(op, child, status);
}

static int
take_waits(bidepy_op *op)
{
    Py_ssize_t n = PyTuple_GET_SIZE(op->arg);
    for (Py_ssize_t i = 0; i < n; i++) {
        bidepy_op *child = child_at(op, i);
        if (child->wait.state == BIDE_WAIT_FIRED)
            return decide(op, child, bide_wait_take(&child->wait));
    }
    return BIDE_PARKED;
}

static PyObject *
finish_waits(bidepy_op *op)
{
    PyObject *result;
    bidepy_op_end(op->word.ptr, op->wait.status, &result);
    return result;
}

static void
drop_waits(bidepy_op *op)
{
    Py_ssize_t n = PyTuple_GET_SIZE(op->arg);
    for (Py_ssize_t i = 0; i < n; i++)
        bide_wait_drop(&child_at(op, i)->wait);
}

/* The losers took nothing: they are over. */
static void
release_waits(bidepy_op *op)
{
    Py_ssize_t n = op->arg ? PyTuple_GET_SIZE(op->arg) : 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        bidepy_op *child = child_at(op, i);
        if (child->phase == BIDEPY_OP_OVER)
            continue;
        child->phase = BIDEPY_OP_OVER;
        if (child->kind->release)
            child->kind->release(child);
    }
}

static const bidepy_op_kind waits_kind = {
    .name = "race()",
    .start = start_waits,
    .finish = finish_waits,
    .release = release_waits,
    .take = take_waits,
    .drop = drop_waits,
    .flags = BIDEPY_OP_NO_RACE,
};

/* Whether each is an operation of its own that can take part. */
static bool
are_waits(bidepy_state *st, PyObject *const *args, Py_ssize_t nargs)
{
    for (Py_ssize_t i = 0; i < nargs; i++) {
        if (!Py_IS_TYPE(args[i], st->type.op))
            return false;
        bidepy_op *op = (bidepy_op *)args[i];
        if (op->phase != BIDEPY_OP_NEW ||
            (op->kind->flags & BIDEPY_OP_NO_RACE) || op->kind->take)
            return false;
    }
    return true;
}

PyDoc_STRVAR(race_doc,
             "race($module, /, *aws)\n--\n\n"
             "Run awaitables beside each other until the first ends; give its\n"
             "result or raise its exception. The others are cancelled and\n"
             "awaited. Of bide's own operations (a recv(), a lock(), a\n"
             "sleep()), those that lost did not happen.");

static PyObject *
race(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    bidepy_state *st = bidepy_of_module(module);
    if (nargs == 0) {
        PyErr_SetString(PyExc_ValueError, "race() needs at least 1 awaitable");
        return NULL;
    }
    if (!are_waits(st, args, nargs))
        return new_op(st, &race_kind, BIDEPY_FIRST_END, args, nargs);
    PyObject *children =
        bidepy_op_distinct(args, nargs, "race()") ? NULL : PyTuple_New(nargs);
    if (!children)
        return NULL;
    for (Py_ssize_t i = 0; i < nargs; i++)
        PyTuple_SET_ITEM(children, i, Py_NewRef(args[i]));
    bidepy_op *op = bidepy_op_new(st, &waits_kind, NULL);
    if (op)
        op->arg = children;
    else
        Py_DECREF(children);
    return (PyObject *)op;
}

PyMethodDef bidepy_gather_functions[] = {
    {"gather", BIDEPY_METHOD(gather), METH_FASTCALL | METH_KEYWORDS,
     gather_doc},
    {"race", BIDEPY_METHOD(race), METH_FASTCALL, race_doc},
    {NULL, NULL, 0, NULL}};
