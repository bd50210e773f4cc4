/* bide.spawn_blocking(), spawn_thread() and current_token(). */
#include "job.h"

/* -- arguments ------------------------------------------------------------ */

typedef struct options {
    PyObject *name, *token;
    bide_token *above; /* in `token` */
    Py_ssize_t named;  /* keyword arguments left for the function */
} options;

static int
parse_options(bidepy_runtime *runtime, PyObject *const *values,
              PyObject *kwnames, options *out)
{
    Py_ssize_t n = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    *out = (options){NULL, NULL, NULL, n};
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *key = PyTuple_GET_ITEM(kwnames, i);
        if (PyUnicode_CompareWithASCIIString(key, "name") == 0)
            out->name = values[i];
        else if (PyUnicode_CompareWithASCIIString(key, "token") == 0)
            out->token = values[i];
        else
            continue;
        out->named--;
    }
    if (!out->token || out->token == Py_None) {
        out->token = NULL;
        return 0;
    }
    if (Py_IS_TYPE(out->token, bidepy_of(runtime)->type.token)) {
        out->above =
            bidepy_token_use(bidepy_of(runtime), out->token, runtime->loop);
        return out->above ? 0 : -1;
    }
    PyErr_Format(PyExc_TypeError,
                 "token must be a bide.CancelToken or None, not %.100s",
                 Py_TYPE(out->token)->tp_name);
    return -1;
}

static int
copy_named(bidepy_job *j, PyObject *const *values, PyObject *kwnames,
           const options *given)
{
    if (given->named == 0)
        return 0;
    Py_ssize_t at = 0, n = PyTuple_GET_SIZE(kwnames);
    j->kwnames = PyTuple_New(given->named);
    if (!j->kwnames)
        return -1;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *key = PyTuple_GET_ITEM(kwnames, i);
        if (PyUnicode_CompareWithASCIIString(key, "name") == 0 ||
            PyUnicode_CompareWithASCIIString(key, "token") == 0)
            continue;
        PyTuple_SET_ITEM(j->kwnames, at++, Py_NewRef(key));
        j->args[++j->count] = Py_NewRef(values[i]);
    }
    return 0;
}

static int
label_job(bidepy_job *j, PyObject *name)
{
    PyObject *made = NULL;
    if (!name || name == Py_None) {
        made = PyObject_GetAttrString(j->fn, "__qualname__");
        if (!made)
            PyErr_Clear();
        name = made && PyUnicode_Check(made) ? made : NULL;
    }
    int rc = bidepy_label_init(&j->label, name);
    Py_XDECREF(made);
    j->core.name = j->label.cname;
    j->core.site = j->label.site;
    return rc;
}

static bidepy_job *
new_job(bidepy_runtime *runtime, PyObject *const *args, Py_ssize_t nargs,
        PyObject *kwnames, const options *given)
{
    bidepy_job *j = bidepy_job_new(runtime, (size_t)(nargs - 1 + given->named));
    if (!j)
        return NULL;
    j->fn = Py_NewRef(args[0]);
    j->nargs = (size_t)nargs - 1;
    for (Py_ssize_t i = 1; i < nargs; i++)
        j->args[++j->count] = Py_NewRef(args[i]);
    j->parent = Py_XNewRef(given->token);
    j->above = given->above;
    j->context = PyContext_CopyCurrent();
    if (j->context && copy_named(j, args + nargs, kwnames, given) == 0 &&
        label_job(j, given->name) == 0)
        return j;
    bidepy_job_free(j);
    return NULL;
}

static PyObject *
start(PyObject *module, const char *what, PyObject *const *args,
      Py_ssize_t nargs, PyObject *kwnames, bool own_thread)
{
    bidepy_state *st = bidepy_of_module(module);
    options given;
    if (nargs < 1 || !PyCallable_Check(args[0])) {
        PyErr_Format(
            PyExc_TypeError,
            "%s needs a function to call as its first argument%s%.100s", what,
            nargs < 1 ? "" : ", not ",
            nargs < 1 ? "" : Py_TYPE(args[0])->tp_name);
        return NULL;
    }
    bidepy_runtime *runtime = bidepy_runtime_here(st, what);
    if (!runtime || parse_options(runtime, args + nargs, kwnames, &given) < 0)
        return NULL;
    bidepy_job *j = new_job(runtime, args, nargs, kwnames, &given);
    return j ? bidepy_job_submit(j, own_thread) : NULL;
}

/* -- functions ------------------------------------------------------------ */

PyDoc_STRVAR(
    doc_spawn_blocking,
    "spawn_blocking($module, fn, /, *args, name=None, token=None, **kwargs)\n"
    "--\n\n"
    "Call `fn(*args, **kwargs)` on a thread of the runtime's pool, now, in a "
    "copy of the\ncurrent context; gives a Future to await.\n\n"
    "future.cancel() takes work that has not started off the queue; work that "
    "has started\nruns on, its result is dropped, and bide.current_token() "
    "inside it tells. So does a\ntask that is cancelled while it awaits the "
    "future. `token`: a CancelToken whose\ncancellation reaches "
    "bide.current_token() and keeps queued work from starting.\n"
    "`fn` cannot await, and may use from bide what is for any thread: "
    "Channel's try_ and\n_blocking methods, Future.set_result, "
    "CancelToken.cancel.");

static PyObject *
spawn_blocking(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
               PyObject *kwnames)
{
    return start(module, "spawn_blocking()", args, nargs, kwnames, false);
}

PyDoc_STRVAR(
    doc_spawn_thread,
    "spawn_thread($module, fn, /, *args, name=None, token=None, **kwargs)\n"
    "--\n\n"
    "spawn_blocking() on a thread of its own, for work that blocks for long: "
    "it takes no\nplace in the pool. Let it end when its channel closes or "
    "bide.current_token() is\ncancelled, which happens at the end of the run.");

static PyObject *
spawn_thread(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
             PyObject *kwnames)
{
    return start(module, "spawn_thread()", args, nargs, kwnames, true);
}

PyDoc_STRVAR(
    doc_current_token,
    "current_token($module, /)\n--\n\n"
    "In work of spawn_blocking() or spawn_thread(): its CancelToken, which is "
    "cancelled with\nthe future, the `token` it was given, or at the end of "
    "the run. None elsewhere.");

static PyObject *
current_token(PyObject *module, PyObject *unused)
{
    (void)unused;
    bidepy_state *st = bidepy_of_module(module);
    bidepy_job *j = bidepy_job_here();
    if (!j || j->st != st)
        Py_RETURN_NONE;
    return Py_XNewRef(bidepy_job_token(j));
}

PyMethodDef bidepy_blocking_functions[] = {
    {"spawn_blocking", (PyCFunction)(void (*)(void))spawn_blocking,
     METH_FASTCALL | METH_KEYWORDS, doc_spawn_blocking},
    {"spawn_thread", (PyCFunction)(void (*)(void))spawn_thread,
     METH_FASTCALL | METH_KEYWORDS, doc_spawn_thread},
    {"current_token", current_token, METH_NOARGS, doc_current_token},
    {NULL, NULL, 0, NULL},
};
