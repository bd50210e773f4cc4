/* Codes to exceptions, and errors that have nobody to go to. */
#include "bidepy.h"

/* -- making the classes --------------------------------------------------- */

/* New: a class `name` with the docstring `doc`, shown by the module. */
static PyObject *
add_class(PyObject *module, const char *name, const char *doc, PyObject *bases)
{
    char full[64];
    snprintf(full, sizeof full, "bide.%s", name);
    PyObject *class = PyErr_NewExceptionWithDoc(full, doc, bases, NULL);
    if (class && PyModule_AddObjectRef(module, name, class) < 0)
        Py_CLEAR(class);
    return class;
}

static int
take_asyncio(bidepy_state *st, PyObject *module)
{
    const struct {
        const char *name;
        PyObject **slot;
        bool show;
    } rows[] = {
        {"CancelledError", &st->exc.cancelled_base, false},
        {"InvalidStateError", &st->exc.invalid_state, true},
        {"IncompleteReadError", &st->exc.incomplete_read, true},
        {"LimitOverrunError", &st->exc.limit_overrun, true},
    };
    PyObject *asyncio = PyImport_ImportModule("asyncio.exceptions");
    if (!asyncio)
        return -1;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof rows / sizeof *rows; i++) {
        *rows[i].slot = PyObject_GetAttrString(asyncio, rows[i].name);
        if (!*rows[i].slot ||
            (rows[i].show &&
             PyModule_AddObjectRef(module, rows[i].name, *rows[i].slot) < 0))
            rc = -1;
    }
    Py_DECREF(asyncio);
    return rc;
}

int
bidepy_errors_init(bidepy_state *st, PyObject *module)
{
    if (take_asyncio(st, module))
        return -1;
#define X(field, name, base, doc)                                              \
    st->exc.field = add_class(module, name, doc, PyExc_##base);                \
    if (!st->exc.field)                                                        \
        return -1;
    BIDEPY_EXCEPTIONS(X)
#undef X
    st->exc.cancelled = add_class(
        module, "Cancelled",
        "The operation was cancelled: it did not happen. The argument, if any, "
        "is the reason.",
        st->exc.cancelled_base);
    if (!st->exc.cancelled)
        return -1;
    PyObject *bases = PyTuple_Pack(2, st->exc.closed, PyExc_ConnectionError);
    if (!bases)
        return -1;
    st->exc.stream_closed =
        add_class(module, "StreamClosedError",
                  "The stream or listener is closed on this side.", bases);
    Py_DECREF(bases);
    return st->exc.stream_closed ? 0 : -1;
}

/* -- codes ---------------------------------------------------------------- */

/* New; the class for one of the library's codes. */
static PyObject *
class_of(bidepy_state *st, int code)
{
    switch (code) {
    case BIDE_ECANCELED:
        return st->exc.cancelled;
    case BIDE_ETIMEDOUT:
        return PyExc_TimeoutError;
    case BIDE_ECLOSED:
        return st->exc.closed;
    case BIDE_EDEADLOCK:
    case BIDE_ESTALLED:
        return st->exc.deadlock;
    case BIDE_ENOTOWNER:
        return st->exc.not_owner;
    case BIDE_EWRONGLOOP:
        return st->exc.wrong_runtime;
    case BIDE_EWOULDBLOCK:
        return st->exc.would_block;
    case BIDE_ESETTLED:
        return st->exc.invalid_state;
    case BIDE_EBUSY:
        return st->exc.busy;
    case BIDE_EEOF:
        return PyExc_EOFError;
    case BIDE_EBROKEN:
        return st->exc.broken;
    case BIDE_ETOOLONG:
    case BIDE_EINVALID:
    case BIDE_EOVERFLOW:
        return PyExc_ValueError;
    case BIDE_ENOMEMORY:
        return PyExc_MemoryError;
    case BIDE_ENOLOOP:
        return st->exc.no_runtime;
    default:
        return PyExc_RuntimeError;
    }
}

/* libuv numbers its own codes from -3000 down; above, they are errno. */
static void
raise_system(int code, const char *what)
{
    PyObject *text = PyUnicode_FromFormat("%s%s%s", what, *what ? ": " : "",
                                          bide_strerror(code));
    PyObject *args = code > -3000 ? Py_BuildValue("(iN)", -code, text)
                                  : Py_BuildValue("(N)", text);
    if (!args)
        return;
    PyErr_SetObject(PyExc_OSError, args);
    Py_DECREF(args);
}

static void
raise_unresolved(const char *what)
{
    PyObject *socket = PyImport_ImportModule("_socket");
    PyObject *class =
        socket ? PyObject_GetAttrString(socket, "gaierror") : NULL;
    Py_XDECREF(socket);
    if (!class)
        return;
    PyObject *args = Py_BuildValue("(is)", -2, what); /* EAI_NONAME */
    if (args)
        PyErr_SetObject(class, args);
    Py_XDECREF(args);
    Py_DECREF(class);
}

static void
raise_text(bidepy_state *st, int code, const char *text)
{
    if (code > -4096)
        raise_system(code, text);
    else if (code == BIDE_ENAME)
        raise_unresolved(*text ? text : bide_strerror(code));
    else if (code == BIDE_EFORKED)
        PyErr_SetString(
            PyExc_RuntimeError,
            "the process was forked while bide.run() was running, and the "
            "runtime stayed with the parent; fork before bide.run(), or start "
            "other programs with subprocess or multiprocessing's 'spawn'");
    else
        PyErr_SetString(class_of(st, code), *text ? text : bide_strerror(code));
}

PyObject *
bidepy_raise(bidepy_state *st, int code, const char *format, ...)
{
    if (code == BIDE_EHOST && PyErr_Occurred())
        return NULL;
    if (!format) {
        raise_text(st, code, "");
        return NULL;
    }
    va_list args;
    va_start(args, format);
    PyObject *text = PyUnicode_FromFormatV(format, args);
    va_end(args);
    const char *utf8 = text ? PyUnicode_AsUTF8(text) : NULL;
    if (utf8)
        raise_text(st, code, utf8);
    Py_XDECREF(text);
    return NULL;
}

PyObject *
bidepy_raise_cancelled(bidepy_state *st, bide_task *task)
{
    bide_scope *cause = task ? bide_scope_cause(task->scope) : NULL;
    PyObject *reason = cause ? bidepy_object_of(cause->reason) : NULL;
    if (reason)
        PyErr_SetObject(st->exc.cancelled, reason);
    else if (cause && (cause->flags & BIDE_SCOPE_EXPIRED))
        PyErr_SetString(st->exc.cancelled, "the deadline passed");
    else
        PyErr_SetNone(st->exc.cancelled);
    return NULL;
}

/* -- exceptions as objects ------------------------------------------------ */

PyObject *
bidepy_fetch(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback)
        PyException_SetTraceback(value, traceback);
    Py_XDECREF(traceback);
    Py_XDECREF(type);
    return value;
#endif
}

PyObject *
bidepy_reraise(PyObject *exc)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(Py_NewRef(exc));
#else
    PyErr_Restore(Py_NewRef(Py_TYPE(exc)), Py_NewRef(exc),
                  PyException_GetTraceback(exc));
#endif
    return NULL;
}

PyObject *
bidepy_handling(PyObject *exc)
{
    PyObject *before = PyErr_GetHandledException();
    PyErr_SetHandledException(exc);
    return before;
}

void
bidepy_handled(PyObject *before)
{
    PyErr_SetHandledException(before);
    Py_XDECREF(before);
}

void
bidepy_report(PyObject *exc, const char *message, PyObject *object)
{
    PyObject *pending = PyErr_Occurred() ? bidepy_fetch() : NULL;
    bidepy_reraise(exc);
#if PY_VERSION_HEX >= 0x030D0000
    if (object)
        PyErr_FormatUnraisable("Exception ignored %s: %R", message, object);
    else
        PyErr_FormatUnraisable("Exception ignored %s", message);
#else
    _PyErr_WriteUnraisableMsg(message, object);
#endif
    if (pending) {
        bidepy_reraise(pending);
        Py_DECREF(pending);
    }
}
