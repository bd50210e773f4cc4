/* bide.spawn_blocking() and spawn_thread(): Python functions on other threads.
 *
 * A job is owned by the core from submission to its `done`. Everything in it is
 * touched with the GIL held. The future points at the job (`context`) and the
 * job at the future, both weakly: whichever ends first clears the other's
 * pointer.
 *
 * A worker thread keeps its Python thread state, detached while it is idle, so
 * that a job costs no more than taking the GIL. */
#include "bidepy.h"

#include <string.h>

typedef struct bidepy_job job;

struct bidepy_job {
    bide_job core;
    struct bidepy_job *next, **link; /* in st->jobs */
    bidepy_state *st;
    bidepy_runtime *runtime; /* strong */
    bidepy_future *future;   /* weak */
    bidepy_label label;
    PyObject *context;
    PyObject *parent;  /* CancelToken or NULL */
    bide_token *above; /* the core's, in `parent` */
    PyObject *token;   /* CancelToken: made when somebody asks */
    PyObject *result;  /* value or exception */
    bool failed, cancelled;
    PyObject *fn;
    PyObject *kwnames;
    size_t nargs;     /* positional */
    size_t count;     /* all in `args` */
    PyObject *args[]; /* the first is free for the callee's use */
};

/* -- worker threads ------------------------------------------------------- */

typedef struct worker {
    PyThreadState *thread;
    bidepy_runtime *runtime; /* strong, from the first job on */
    job *job;
} worker;

static _Thread_local worker *here;

void *
bidepy_thread_begin(void *ctx)
{
    bidepy_runtime *runtime = ctx;
    worker *w = PyMem_RawCalloc(1, sizeof *w);
    if (w)
        w->thread = PyThreadState_New(runtime->interpreter);
    if (w && !w->thread) {
        PyMem_RawFree(w);
        w = NULL;
    }
    here = w;
    return w;
}

void
bidepy_thread_end(void *ctx, void *state)
{
    (void)ctx;
    worker *w = state;
    if (!w)
        return;
    PyEval_RestoreThread(w->thread);
    if (w->runtime) {
        bidepy_of(w->runtime)->pool_threads--;
        Py_DECREF(w->runtime);
    }
    PyThreadState_Clear(w->thread);
    PyThreadState_DeleteCurrent();
    here = NULL;
    PyMem_RawFree(w);
}

/* Takes the GIL, for `j`. */
static void
attach(worker *w, job *j)
{
    PyEval_RestoreThread(w->thread);
    w->job = j;
    if (w->runtime)
        return;
    w->runtime = (bidepy_runtime *)Py_NewRef((PyObject *)j->runtime);
    j->st->pool_threads++;
}

static void
detach(worker *w)
{
    w->job = NULL;
    PyEval_SaveThread();
}

/* -- the job's life ------------------------------------------------------- */

static void
free_call(job *j)
{
    Py_CLEAR(j->fn);
    Py_CLEAR(j->kwnames);
    Py_CLEAR(j->context);
    while (j->count)
        Py_DECREF(j->args[j->count--]);
}

static void
free_job(job *j)
{
    bidepy_runtime *runtime = j->runtime;
    if (j->future) {
        j->future->context = NULL;
        j->future->on_cancel = NULL;
        j->future->on_drop = NULL;
    }
    if (j->link) {
        *j->link = j->next;
        if (j->next)
            j->next->link = j->link;
    }
    free_call(j);
    Py_XDECREF(j->parent);
    Py_XDECREF(j->token);
    Py_XDECREF(j->result);
    bidepy_label_clear(&j->label);
    PyMem_RawFree(j);
    Py_XDECREF(runtime);
}

static bool
token_cancelled(const job *j)
{
    return j->above && bide_token_cancelled(j->above);
}

static void
call(job *j)
{
    if (j->cancelled || token_cancelled(j)) {
        j->cancelled = true;
        return;
    }
    if (PyContext_Enter(j->context) == 0) {
        j->result = PyObject_Vectorcall(
            j->fn, j->args + 1, j->nargs | PY_VECTORCALL_ARGUMENTS_OFFSET,
            j->kwnames);
        PyObject *error = j->result ? NULL : bidepy_fetch();
        PyContext_Exit(j->context);
        if (error) {
            j->failed = true;
            j->result = error;
        }
    } else {
        j->failed = true;
        j->result = bidepy_fetch();
    }
}

static void
job_run(bide_job *core)
{
    job *j = bidepy_container(core, job, core);
    worker *w = here;
    if (!w)
        return; /* job_done says why */
    attach(w, j);
    call(j);
    free_call(j);
    detach(w);
}

static void
settle_cancelled(job *j, bidepy_future *future)
{
    PyObject *reason =
        j->parent ? PyObject_GetAttrString(j->parent, "reason") : NULL;
    bidepy_future_settle(future, BIDE_ECANCELED,
                         reason == Py_None ? NULL : reason);
    Py_XDECREF(reason);
    PyErr_Clear();
}

static void
settle(job *j, int status)
{
    bidepy_future *future = j->future;
    if (!future) {
        if (j->failed && !j->cancelled)
            bidepy_report(j->result, "in a blocking job nobody waits for",
                          j->label.name);
        return;
    }
    Py_INCREF(future);
    if (status == BIDE_ECANCELED || j->cancelled) {
        settle_cancelled(j, future);
    } else if (!j->result) {
        PyErr_SetString(PyExc_MemoryError,
                        "no Python thread state for the worker thread");
        PyObject *error = bidepy_fetch();
        bidepy_future_settle(future, BIDE_EHOST, error);
        Py_DECREF(error);
    } else {
        bidepy_future_settle(future, j->failed ? BIDE_EHOST : 0, j->result);
    }
    Py_DECREF(future);
}

/* On the loop's thread, with the GIL; or, when the loop closed meanwhile, on
 * the worker's, without. */
static void
job_done(bide_job *core, int status)
{
    job *j = bidepy_container(core, job, core);
    worker *w = status == BIDE_ECLOSED ? here : NULL;
    if (status == BIDE_ECLOSED && !w)
        return; /* no way to Python from this thread: the job is lost */
    if (w)
        attach(w, j);
    settle(j, status);
    free_job(j);
    if (w)
        detach(w);
}

/* -- cancelling ----------------------------------------------------------- */

/* Also called while an exception travels: it drops the future. */
static void
cancel_token(job *j)
{
    if (!j->token)
        return;
    PyObject *pending = PyErr_Occurred() ? bidepy_fetch() : NULL;
    PyObject *done = PyObject_CallMethod(j->token, "cancel", NULL);
    if (!done)
        PyErr_WriteUnraisable(j->token);
    Py_XDECREF(done);
    if (pending) {
        bidepy_reraise(pending);
        Py_DECREF(pending);
    }
}

/* Started work goes on, and is told through its token. */
static void
cancel_job(job *j)
{
    j->cancelled = true;
    bide_job_cancel(&j->core);
    cancel_token(j);
}

static bool
on_cancel(bidepy_future *future)
{
    job *j = future->context;
    if (j)
        cancel_job(j);
    return true;
}

/* Nobody can see the result any more. Work that was asked for and not looked
 * at still runs, unless the task that waited for it is being cancelled. */
static void
on_drop(bidepy_future *future)
{
    job *j = future->context;
    bide_task *t = bide_task_current();
    if (!j)
        return;
    j->future = NULL;
    if (t && bide_scope_cancelled(t->scope))
        cancel_job(j);
}

void
bidepy_jobs_ending(bidepy_runtime *runtime)
{
    for (job *j = bidepy_of(runtime)->jobs; j; j = j->next)
        if (j->runtime == runtime)
            cancel_token(j);
}

/* -- starting ------------------------------------------------------------- */

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
copy_named(job *j, PyObject *const *values, PyObject *kwnames,
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
label_job(job *j, PyObject *name)
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

static job *
new_job(bidepy_runtime *runtime, PyObject *const *args, Py_ssize_t nargs,
        PyObject *kwnames, const options *given)
{
    size_t room = (size_t)(nargs + given->named);
    job *j = PyMem_RawCalloc(1, sizeof *j + room * sizeof *j->args);
    if (!j) {
        PyErr_NoMemory();
        return NULL;
    }
    j->st = bidepy_of(runtime);
    j->runtime = (bidepy_runtime *)Py_NewRef((PyObject *)runtime);
    j->fn = Py_NewRef(args[0]);
    j->nargs = (size_t)nargs - 1;
    for (Py_ssize_t i = 1; i < nargs; i++)
        j->args[++j->count] = Py_NewRef(args[i]);
    j->parent = Py_XNewRef(given->token);
    j->above = given->above;
    j->core.run = job_run;
    j->core.done = job_done;
    j->context = PyContext_CopyCurrent();
    if (j->context && copy_named(j, args + nargs, kwnames, given) == 0 &&
        label_job(j, given->name) == 0)
        return j;
    free_job(j);
    return NULL;
}

/* New future of `j`, which is freed on failure. */
static PyObject *
submit(job *j, bool own_thread)
{
    bidepy_state *st = j->st;
    bidepy_future *future = bidepy_future_new(st, j->label.name);
    if (!future) {
        free_job(j);
        return NULL;
    }
    if (token_cancelled(j)) {
        settle_cancelled(j, future);
        free_job(j);
        return (PyObject *)future;
    }
    bide_loop *loop = j->runtime->loop;
    int rc = own_thread ? bide_job_spawn(loop, &j->core)
                        : bide_job_submit(loop, &j->core);
    if (rc < 0) {
        free_job(j);
        Py_DECREF(future);
        return bidepy_raise(st, rc, "no thread could be started");
    }
    j->future = future;
    future->context = j;
    future->on_cancel = on_cancel;
    future->on_drop = on_drop;
    j->next = st->jobs;
    j->link = &st->jobs;
    if (j->next)
        j->next->link = &j->next;
    st->jobs = j;
    return (PyObject *)future;
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
    job *j = new_job(runtime, args, nargs, kwnames, &given);
    return j ? submit(j, own_thread) : NULL;
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
    job *j = here ? here->job : NULL;
    if (!j || j->st != st)
        Py_RETURN_NONE;
    if (!j->token) {
        j->token = j->parent ? PyObject_CallMethod(j->parent, "child", NULL)
                             : PyObject_CallNoArgs((PyObject *)st->type.token);
        if (j->token && j->cancelled)
            cancel_token(j);
    }
    return Py_XNewRef(j->token);
}

PyMethodDef bidepy_blocking_functions[] = {
    {"spawn_blocking", (PyCFunction)(void (*)(void))spawn_blocking,
     METH_FASTCALL | METH_KEYWORDS, doc_spawn_blocking},
    {"spawn_thread", (PyCFunction)(void (*)(void))spawn_thread,
     METH_FASTCALL | METH_KEYWORDS, doc_spawn_thread},
    {"current_token", current_token, METH_NOARGS, doc_current_token},
    {NULL, NULL, 0, NULL},
};
