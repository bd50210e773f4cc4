/* bide.Process: a child process. What starts one is in spawn_process.c, and the
 * loops around its operations in bide/_process.py. */
#include "process.h"

#include <limits.h>
#include <signal.h>

#include "stream.h"
#include "sync.h"

static bide_process *
core(const void *self)
{
    return ((const bidepy_process *)self)->process;
}

/* -- life ----------------------------------------------------------------- */

/* New: one Stream for those that are one stream. */
static PyObject *
stream_at(bidepy_process *self, int number)
{
    bide_stream *s = bide_process_stream(self->process, number);
    if (!s)
        return Py_NewRef(Py_None);
    for (int i = 0; i < number; i++)
        if (bide_process_stream(self->process, i) == s)
            return Py_NewRef(self->streams[i]);
    return bidepy_stream_new(self->st, bide_stream_ref(s));
}

PyObject *
bidepy_process_new(bidepy_state *st, bide_process *process, PyObject *args,
                   PyObject *grace)
{
    bidepy_process *self = bidepy_alloc(st, st->type.process, NULL);
    if (!self) {
        bide_process_close(process);
        bide_process_unref(process);
        return NULL;
    }
    self->process = process;
    self->args = Py_NewRef(args);
    self->grace = Py_NewRef(grace);
    self->weakrefs = NULL;
    memset(self->streams, 0, sizeof self->streams);
    PyObject_GC_Track(self);
    for (int i = 0; i < BIDEPY_STDIO; i++) {
        self->streams[i] = stream_at(self, i);
        if (!self->streams[i]) {
            bide_process_close(process);
            Py_DECREF(self);
            return NULL;
        }
    }
    return (PyObject *)self;
}

static int
process_traverse(PyObject *o, visitproc visit, void *arg)
{
    bidepy_process *self = (bidepy_process *)o;
    Py_VISIT(Py_TYPE(o));
    for (int i = 0; i < BIDEPY_STDIO; i++)
        Py_VISIT(self->streams[i]);
    Py_VISIT(self->args);
    return 0;
}

static int
process_clear(PyObject *o)
{
    bidepy_process *self = (bidepy_process *)o;
    for (int i = 0; i < BIDEPY_STDIO; i++)
        Py_CLEAR(self->streams[i]);
    Py_CLEAR(self->args);
    Py_CLEAR(self->grace);
    return 0;
}

static void
process_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    if (((bidepy_process *)self)->weakrefs)
        PyObject_ClearWeakRefs(self);
    process_clear(self);
    bide_process_unref(core(self));
    bidepy_free(self, NULL);
}

/* -- waiting -------------------------------------------------------------- */

static PyObject *
raise_status(bidepy_state *st, int status)
{
    if (status == BIDE_ECLOSED)
        return bidepy_raise(st, status, "the process was closed");
    return bidepy_raise(st, status, "process: %s", bide_strerror(status));
}

static int
wait_start(bidepy_op *op)
{
    return bide_process_wait(core(op->owner), &op->wait);
}

static PyObject *
wait_finish(bidepy_op *op)
{
    return PyLong_FromLongLong(op->wait.value.as.integer);
}

static PyObject *
wait_fail(bidepy_op *op, int status)
{
    return raise_status(op->st, status);
}

static const bidepy_op_kind wait_kind = {
    .name = "Process.wait()",
    .start = wait_start,
    .finish = wait_finish,
    .fail = wait_fail,
};

static PyObject *
process_wait(PyObject *self, PyObject *unused)
{
    (void)unused;
    return (PyObject *)bidepy_op_new(bidepy_of(self), &wait_kind, self);
}

static int
check_thread(PyObject *self)
{
    return bidepy_stream_check(bidepy_of(self), bide_process_loop(core(self)),
                               "process");
}

/* -- signals -------------------------------------------------------------- */

/* To one that has ended: nothing to do. */
static PyObject *
send_to(PyObject *self, int signum, bool group)
{
    if (check_thread(self) < 0)
        return NULL;
    int rc = group ? bide_process_signal_group(core(self), signum)
                   : bide_process_signal(core(self), signum);
    if (rc == 0 || rc == -ESRCH)
        Py_RETURN_NONE;
    if (rc == BIDE_EINVALID)
        return bidepy_raise(bidepy_of(self), rc,
                            "the process leads no group: open it with "
                            "new_group=True or new_session=True");
    return bidepy_raise(bidepy_of(self), rc, "send_signal(%d)", signum);
}

static PyObject *
process_send_signal(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                    PyObject *kwnames)
{
    static const char *const names[] = {"signum", "group", NULL};
    static const bidepy_signature sig = {"send_signal", names, 1, 1};
    PyObject *given[2];
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return NULL;
    int group = given[1] ? PyObject_IsTrue(given[1]) : 0;
    size_t signum;
    if (group < 0 || bidepy_size(given[0], "signum", 0, &signum) < 0)
        return NULL;
    return send_to(self, signum < INT_MAX ? (int)signum : INT_MAX, group);
}

static PyObject *
process_terminate(PyObject *self, PyObject *unused)
{
    (void)unused;
    return send_to(self, SIGTERM, false);
}

static PyObject *
process_kill(PyObject *self, PyObject *unused)
{
    (void)unused;
    return send_to(self, SIGKILL, false);
}

static PyObject *
process_stop(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
             PyObject *kwnames)
{
    static const char *const names[] = {"grace", NULL};
    static const bidepy_signature sig = {"stop", names, 0, 1};
    PyObject *given[1];
    int64_t grace;
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return NULL;
    PyObject *seconds = given[0] ? given[0] : ((bidepy_process *)self)->grace;
    if (bidepy_duration(seconds, "grace", &grace) < 0 || check_thread(self) < 0)
        return NULL;
    bide_process_stop(core(self), grace);
    Py_RETURN_NONE;
}

/* -- closing -------------------------------------------------------------- */

static PyObject *
process_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (bide_process_closed(core(self)))
        Py_RETURN_NONE;
    if (check_thread(self) < 0)
        return NULL;
    bidepy_process *p = (bidepy_process *)self;
    for (int i = 0; i < BIDEPY_STDIO; i++) {
        bide_stream *s = bide_process_stream(core(self), i);
        if (s && p->streams[i])
            bide_stream_close(s);
    }
    bide_process_close(core(self));
    Py_RETURN_NONE;
}

static PyObject *
process_aenter(PyObject *self, PyObject *unused)
{
    (void)unused;
    return bidepy_ready(bidepy_of(self), self);
}

static PyObject *
process_aclose(PyObject *self, PyObject *unused)
{
    (void)unused;
    return bidepy_call_helper("bide._process", "leave", self, NULL);
}

static PyObject *
process_aexit(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    (void)args;
    (void)nargs;
    return process_aclose(self, NULL);
}

static PyObject *
process_communicate(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                    PyObject *kwnames)
{
    static const char *const names[] = {"input", "limit", NULL};
    static const bidepy_signature sig = {"communicate", names, 0, 1};
    PyObject *given[2];
    if (bidepy_parse(&sig, args, nargs, kwnames, given) < 0)
        return NULL;
    PyObject *module = PyImport_ImportModule("bide._process");
    if (!module)
        return NULL;
    PyObject *coro = PyObject_CallMethod(module, "communicate_limited", "OOO",
                                         self, given[0] ? given[0] : Py_None,
                                         given[1] ? given[1] : Py_None);
    Py_DECREF(module);
    return coro;
}

/* -- getters -------------------------------------------------------------- */

static PyObject *
get_pid(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromLong(bide_process_pid(core(self)));
}

/* Looks at the system, if this thread may. */
static PyObject *
get_returncode(PyObject *self, void *closure)
{
    (void)closure;
    int code;
    if (bide_process_poll(core(self), &code))
        Py_RETURN_NONE;
    return PyLong_FromLong(code);
}

static PyObject *
get_stream(PyObject *self, void *closure)
{
    PyObject *s = ((bidepy_process *)self)->streams[*(const int *)closure];
    return Py_NewRef(s ? s : Py_None);
}

static PyObject *
get_object(PyObject *self, void *closure)
{
    bidepy_process *p = (bidepy_process *)self;
    PyObject *o = closure ? p->grace : p->args;
    return Py_NewRef(o ? o : Py_None);
}

static PyObject *
process_repr(PyObject *self)
{
    bidepy_process *p = (bidepy_process *)self;
    PyObject *args = p->args ? p->args : Py_None;
    return PyUnicode_FromFormat(
        "<Process %d %R%s>", bide_process_pid(core(self)), args,
        bide_process_closed(core(self)) ? " closed" : "");
}

/* -- the type ------------------------------------------------------------- */

PyDoc_STRVAR(doc_wait,
             "wait($self, /)\n--\n\n"
             "Wait until it has ended; gives its exit code (int), or the "
             "negative number of the\nsignal that ended it. Any number of "
             "tasks may wait. 255 when somebody else reaped it.");
PyDoc_STRVAR(doc_send_signal,
             "send_signal($self, signum, /, *, group=False)\n--\n\n"
             "Send it a signal, or its whole group if it leads one. Nothing "
             "happens when it has\nended; another process that has its number "
             "by then is never hit.");
PyDoc_STRVAR(doc_terminate, "terminate($self, /)\n--\n\nSend it SIGTERM.");
PyDoc_STRVAR(doc_kill, "kill($self, /)\n--\n\nSend it SIGKILL.");
PyDoc_STRVAR(doc_stop,
             "stop($self, /, grace=None)\n--\n\n"
             "End it, with its group if it leads one: SIGTERM now, SIGKILL "
             "when it still runs after\n`grace` seconds (those of "
             "open_process() if not given); 0 kills at once. Does not wait.");
PyDoc_STRVAR(doc_close, "close($self, /)\n--\n\n"
                        "Kill it if it runs, close the streams. Waits end with "
                        "ClosedError. Closing twice is\nfine.");
PyDoc_STRVAR(doc_aclose,
             "aclose($self, /)\n--\n\n"
             "stop(), wait for the end whatever is cancelled, then close().");
PyDoc_STRVAR(
    doc_process,
    "A child process, from open_process().\n\n"
    "    async with await bide.open_process(['cat'], stdin=bide.PIPE) as p:\n"
    "        await p.stdin.write(b'...')\n"
    "        p.stdin.close()\n"
    "        await p.wait()\n\n"
    "Leaving the block stops and reaps it. A Process that is dropped lets the "
    "child run on; it\nis reaped when it ends.");

PyDoc_STRVAR(
    doc_communicate,
    "communicate($self, /, input=None, *, limit=None)\n--\n\n"
    "Write `input` to it, close its stdin, read stdout and stderr to their "
    "ends and wait for\nits end, all at the same time; gives what they said, "
    "as a tuple, None for one that is no\npipe. As bide.communicate().");

static PyMethodDef methods[] = {
    {"wait", process_wait, METH_NOARGS, doc_wait},
    {"communicate", BIDEPY_METHOD(process_communicate),
     METH_FASTCALL | METH_KEYWORDS, doc_communicate},
    {"send_signal", BIDEPY_METHOD(process_send_signal),
     METH_FASTCALL | METH_KEYWORDS, doc_send_signal},
    {"terminate", process_terminate, METH_NOARGS, doc_terminate},
    {"kill", process_kill, METH_NOARGS, doc_kill},
    {"stop", BIDEPY_METHOD(process_stop), METH_FASTCALL | METH_KEYWORDS,
     doc_stop},
    {"close", process_close, METH_NOARGS, doc_close},
    {"aclose", process_aclose, METH_NOARGS, doc_aclose},
    {"__aenter__", process_aenter, METH_NOARGS, NULL},
    {"__aexit__", BIDEPY_METHOD(process_aexit), METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(bidepy_process, weakrefs),
     READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static int numbers[BIDEPY_STDIO] = {0, 1, 2};
static char the_grace[] = "grace";

static PyGetSetDef getters[] = {
    {"pid", get_pid, NULL, "Its number (int).", NULL},
    {"returncode", get_returncode, NULL,
     "As wait() gives it (int), or None while it runs.", NULL},
    {"args", get_object, NULL, "The command that was started.", NULL},
    {"grace", get_object, NULL, "The seconds given to open_process().",
     the_grace},
    {"stdin", get_stream, NULL, "The Stream to its input, or None.",
     &numbers[0]},
    {"stdout", get_stream, NULL, "The Stream of its output, or None.",
     &numbers[1]},
    {"stderr", get_stream, NULL, "The Stream of its error output, or None.",
     &numbers[2]},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)doc_process},
    {Py_tp_dealloc, process_dealloc},
    {Py_tp_traverse, process_traverse},
    {Py_tp_clear, process_clear},
    {Py_tp_repr, process_repr},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, getters},
    {0, NULL},
};

PyType_Spec bidepy_process_spec = {
    .name = "bide.Process",
    .basicsize = sizeof(bidepy_process),
    .flags = BIDEPY_TYPE_FLAGS,
    .slots = slots,
};
