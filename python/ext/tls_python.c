/* What of TLS is written in Python: see _tls.py. */
#include "tls_stream.h"

/* The method that is a coroutine function of _tls.py. */
static PyObject *
call_python(PyObject *self, const char *name, PyObject *args, PyObject *kwargs)
{
    PyObject *module = PyImport_ImportModule("bide._tls");
    PyObject *start = module ? PyObject_GetAttrString(module, name) : NULL;
    PyObject *bound = start ? PyMethod_New(start, self) : NULL;
    PyObject *coro = bound ? PyObject_Call(bound, args, kwargs) : NULL;
    Py_XDECREF(bound);
    Py_XDECREF(start);
    Py_XDECREF(module);
    return coro;
}

PyObject *
bidepy_stream_start_tls(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return call_python(self, "start_tls", args, kwargs);
}

PyObject *
bidepy_tls_stream_sendfile(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return call_python(self, "sendfile", args, kwargs);
}

PyObject *
bidepy_stream_tls(PyObject *self, void *closure)
{
    (void)closure;
    if (!Py_IS_TYPE(self, bidepy_of(self)->type.tls_stream) ||
        !((bidepy_tls_stream *)self)->top)
        Py_RETURN_NONE;
    PyObject *module = PyImport_ImportModule("bide._tls");
    PyObject *info =
        module
            ? PyObject_CallMethod(module, "TLSInfo", "O",
                                  ((bidepy_tls_stream *)self)->top->tls.object)
            : NULL;
    Py_XDECREF(module);
    return info;
}
