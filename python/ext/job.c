/* A job: a Python function that the core runs on another thread.
 *
 * It is owned by the core from submission to its `done`. The future points at
 * the job (`context`) and the job at the future, both weakly: whichever ends
 * first clears the other's pointer.
 *
 * A worker thread keeps its Python thread state, detached while it is idle, so
 * that a job costs no more than taking the GIL. */
#include "job.h"

/* -- worker threads ------------------------------------------------------- */

typedef struct worker {
    PyThreadState *thread;
    bidepy_runtime *runtime; /* strong, from the first job on */
    bidepy_job *job;
} worker;

static _Thread_local worker *here;

bidepy_job *
bidepy_job_here(void)
{
    return here ? here->job : NULL;
}

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
attach(worker *w, bidepy_job *j)
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

static void job_run(bide_job *core);
static void job_done(bide_job *core, int status);

/* -- the job's life ------------------------------------------------------- */

static void
free_call(bidepy_job *j)
{
    Py_CLEAR(j->fn);
    Py_CLEAR(j->kwnames);
    Py_CLEAR(j->context);
    while (j->count)
        Py_DECREF(j->args[j->count--]);
}

bidepy_job *
bidepy_job_new(bidepy_runtime *runtime, size_t nargs)
{
    bidepy_job *j =
        PyMem_RawCalloc(1, sizeof *j + (nargs + 1) * sizeof *j->args);
    if (!j) {
        PyErr_NoMemory();
        return NULL;
    }
    j->st = bidepy_of(runtime);
    j->runtime = (bidepy_runtime *)Py_NewRef((PyObject *)runtime);
    j->core.run = job_run;
    j->core.done = job_done;
    return j;
}

void
bidepy_job_free(bidepy_job *j)
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
token_cancelled(const bidepy_job *j)
{
    return j->above && bide_token_cancelled(j->above);
}

/* Awaiting it would read a StopIteration as a result. Takes `error` over. */
static PyObject *
contained(bidepy_job *j, PyObject *error)
{
    if (!PyErr_GivenExceptionMatches(error, PyExc_StopIteration))
        return error;
    PyErr_Format(PyExc_RuntimeError, "%R raised StopIteration", j->fn);
    PyObject *made = bidepy_fetch();
    PyException_SetContext(made, Py_NewRef(error));
    PyException_SetCause(made, error);
    return made;
}

static void
call(bidepy_job *j)
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
            j->result = contained(j, error);
        }
    } else {
        j->failed = true;
        j->result = bidepy_fetch();
    }
}

static void
job_run(bide_job *core)
{
    bidepy_job *j = bidepy_container(core, bidepy_job, core);
    worker *w = here;
    if (!w)
        return; /* job_done says why */
    attach(w, j);
    call(j);
    free_call(j);
    detach(w);
}

static void
settle_cancelled(bidepy_job *j, bidepy_future *future)
{
    PyObject *reason =
        j->parent ? PyObject_GetAttrString(j->parent, "reason") : NULL;
    bidepy_future_settle(future, BIDE_ECANCELED,
                         reason == Py_None ? NULL : reason);
    Py_XDECREF(reason);
    PyErr_Clear();
}

static void
settle(bidepy_job *j, int status)
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
    bidepy_job *j = bidepy_container(core, bidepy_job, core);
    worker *w = status == BIDE_ECLOSED ? here : NULL;
    if (status == BIDE_ECLOSED && !w)
        return; /* no way to Python from this thread: the job is lost */
    if (w)
        attach(w, j);
    settle(j, status);
    bidepy_job_free(j);
    if (w)
        detach(w);
}

/* -- cancelling ----------------------------------------------------------- */

/* Also called while an exception travels: it drops the future. */
static void
cancel_token(bidepy_job *j)
{
    j->told = true;
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
cancel_job(bidepy_job *j)
{
    j->cancelled = true;
    bide_job_cancel(&j->core);
    cancel_token(j);
}

static bool
on_cancel(bidepy_future *future)
{
    bidepy_job *j = future->context;
    if (j)
        cancel_job(j);
    return true;
}

/* Nobody can see the result any more. Work that was asked for and not looked
 * at still runs, unless the task that waited for it is being cancelled. */
static void
on_drop(bidepy_future *future)
{
    bidepy_job *j = future->context;
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
    for (bidepy_job *j = bidepy_of(runtime)->jobs; j; j = j->next)
        if (j->runtime == runtime)
            cancel_token(j);
}

PyObject *
bidepy_job_token(bidepy_job *j)
{
    if (j->token)
        return j->token;
    j->token = j->parent ? PyObject_CallMethod(j->parent, "child", NULL)
                         : PyObject_CallNoArgs((PyObject *)j->st->type.token);
    if (j->token && j->told)
        cancel_token(j);
    return j->token;
}

/* -- submitting ----------------------------------------------------------- */

/* New future of `j`, which is freed on failure. */
PyObject *
bidepy_job_submit(bidepy_job *j, bool own_thread)
{
    bidepy_state *st = j->st;
    bidepy_future *future = bidepy_future_new(st, j->label.name);
    if (!future) {
        bidepy_job_free(j);
        return NULL;
    }
    if (token_cancelled(j)) {
        settle_cancelled(j, future);
        bidepy_job_free(j);
        return (PyObject *)future;
    }
    bide_loop *loop = j->runtime->loop;
    int rc = own_thread ? bide_job_spawn(loop, &j->core)
                        : bide_job_submit(loop, &j->core);
    if (rc < 0) {
        bidepy_job_free(j);
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
