#include "contexts.h"

/* Sets a variable in `context`; whether that made it differ from `like`. */
static int
differs_once_set(PyObject *context, PyObject *like, PyObject *var)
{
    if (PyContext_Enter(context))
        return -1;
    bool current = PyThreadState_Get()->context == context;
    PyObject *token = PyContextVar_Set(var, Py_None);
    Py_XDECREF(token);
    if (PyContext_Exit(context) || !token)
        return -1;
    return current && bidepy_variables_of(context) != bidepy_variables_of(like);
}

/* Whether the field behaves as the variables of `blank`, an empty context. */
static int
finds_variables(PyObject *blank, PyObject *var)
{
    if (Py_TYPE(blank)->tp_basicsize < (Py_ssize_t)sizeof(bidepy_context_head))
        return 0;
    PyObject *copy = PyContext_Copy(blank);
    const void *none = bidepy_variables_of(blank);
    int found = !copy ? -1 : none && bidepy_variables_of(copy) == none;
    if (found > 0)
        found = differs_once_set(copy, blank, var);
    PyObject *second = found > 0 ? PyContext_Copy(copy) : NULL;
    if (found > 0)
        found = !second
                    ? -1
                    : bidepy_variables_of(second) == bidepy_variables_of(copy);
    Py_XDECREF(second);
    Py_XDECREF(copy);
    return found;
}

int
bidepy_contexts_init(bidepy_aio *aio)
{
    PyObject *var = PyContextVar_New("bide.probe", NULL);
    aio->blank = var ? PyContext_New() : NULL;
    int found = aio->blank ? finds_variables(aio->blank, var) : -1;
    Py_XDECREF(var);
    aio->shares_contexts = found > 0;
    return found < 0 ? -1 : 0;
}

PyObject *
bidepy_context_now(bidepy_loop *loop, bool *shared)
{
    PyObject *now = PyThreadState_Get()->context;
    PyObject *snapshot = loop->snapshot;
    *shared = loop->st->aio->shares_contexts;
    if (snapshot && now &&
        bidepy_variables_of(now) == bidepy_variables_of(snapshot))
        return Py_NewRef(snapshot);
    PyObject *copy = PyContext_CopyCurrent();
    if (copy && *shared)
        Py_XSETREF(loop->snapshot, Py_NewRef(copy));
    return copy;
}

PyObject *
bidepy_context_take(bidepy_loop *loop, PyObject **slot)
{
    PyObject *snapshot = *slot, *spare = loop->spare;
    if (spare && bidepy_variables_of(spare) == bidepy_variables_of(snapshot)) {
        loop->spare = NULL;
        return spare;
    }
    if (loop->snapshot == snapshot && Py_REFCNT(snapshot) == 2)
        Py_CLEAR(loop->snapshot);
    if (Py_REFCNT(snapshot) > 1)
        return PyContext_Copy(snapshot);
    *slot = NULL;
    return snapshot;
}

void
bidepy_context_give_back(bidepy_loop *loop, PyObject *context,
                         const void *variables)
{
    if (Py_REFCNT(context) == 1 && bidepy_variables_of(context) == variables &&
        !loop->closed)
        Py_XSETREF(loop->spare, context);
    else
        Py_DECREF(context);
}

static void
rest(const bidepy_aio *aio, PyObject **slot)
{
    if (*slot && bidepy_variables_of(*slot) != bidepy_variables_of(aio->blank))
        Py_CLEAR(*slot);
}

void
bidepy_contexts_rest(bidepy_loop *loop)
{
    rest(loop->st->aio, &loop->snapshot);
    rest(loop->st->aio, &loop->spare);
}
