/* The type under bide's SSLProtocol, and the methods that it lends. */
#include "ssl.h"

/* -- methods -------------------------------------------------------------- */

static bidepy_ssl_base *
of(PyObject *self)
{
    return (bidepy_ssl_base *)self;
}

static PyObject *
none_if(int rc)
{
    if (rc)
        return NULL;
    Py_RETURN_NONE;
}

/* The objects of the connection are there once __init__ is over. */
int
bidepy_ssl_need(bidepy_ssl_base *p)
{
    if (p->ready)
        return 0;
    if (!p->sslobj || !p->incoming || !p->outgoing) {
        PyErr_SetString(PyExc_RuntimeError,
                        "SSLProtocol.__init__() has not been called");
        return -1;
    }
    if (bidepy_tls_adopt(&p->engine, p->st, p->sslobj, p->incoming,
                         p->outgoing))
        return -1;
    p->ready = true;
    return 0;
}

static PyObject *
get_buffer(PyObject *self, PyObject *hint)
{
    (void)hint;
    bidepy_ssl_base *p = of(self);
    if (!p->buffer)
        p->buffer = PyByteArray_FromStringAndSize(NULL, 64 * 1024);
    return p->buffer ? PyMemoryView_FromObject(p->buffer) : NULL;
}

static PyObject *
buffer_updated(PyObject *self, PyObject *count)
{
    bidepy_ssl_base *p = of(self);
    Py_ssize_t n = PyLong_AsSsize_t(count);
    if (n == -1 && PyErr_Occurred())
        return NULL;
    if (!p->buffer || n < 0 || n > PyByteArray_GET_SIZE(p->buffer)) {
        PyErr_SetString(PyExc_ValueError,
                        "buffer_updated() without its get_buffer()");
        return NULL;
    }
    if (bidepy_ssl_need(p))
        return NULL;
    return none_if(
        bidepy_ssl_received(p, PyByteArray_AS_STRING(p->buffer), (size_t)n));
}

static PyObject *
do_read(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (bidepy_ssl_need(of(self)))
        return NULL;
    return none_if(bidepy_ssl_do_read(of(self), 0, 0));
}

static PyObject *
do_write(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (bidepy_ssl_need(of(self)))
        return NULL;
    return none_if(bidepy_ssl_do_write(of(self)));
}

static PyObject *
process_outgoing(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (bidepy_ssl_need(of(self)))
        return NULL;
    return none_if(bidepy_ssl_process_outgoing(of(self)));
}

static PyObject *
write_appdata(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
              PyObject *kwnames)
{
    static const char *const names[] = {"list_of_data", NULL};
    static const bidepy_signature sig = {"writelines", names, 1, 1};
    PyObject *list = bidepy_parse_one(&sig, args, nargs, kwnames);
    if (!list || bidepy_ssl_need(of(self)))
        return NULL;
    return none_if(bidepy_ssl_send_list(of(self), list));
}

/* `write` of the transport that the application has. */
static PyObject *
app_write(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
          PyObject *kwnames)
{
    static const char *const names[] = {"data", NULL};
    static const bidepy_signature sig = {"write", names, 1, 1};
    PyObject *data = bidepy_parse_one(&sig, args, nargs, kwnames);
    if (!data)
        return NULL;
    if (!PyBytes_Check(data) && !PyByteArray_Check(data) &&
        !PyMemoryView_Check(data)) {
        PyErr_Format(PyExc_TypeError,
                     "data: expecting a bytes-like instance, got %.200s",
                     bidepy_net_type_name(data));
        return NULL;
    }
    Py_ssize_t n = PyObject_Length(data);
    if (n <= 0)
        return none_if((int)n);
    if (bidepy_ssl_need(of(self)))
        return NULL;
    return none_if(bidepy_ssl_send(of(self), data));
}

/* -- life ----------------------------------------------------------------- */

#define OBJECTS(X)                                                             \
    X(loop)                                                                    \
    X(app_protocol)                                                            \
    X(transport)                                                               \
    X(sslobj)                                                                  \
    X(incoming)                                                                \
    X(outgoing)                                                                \
    X(state)                                                                   \
    X(write_backlog)                                                           \
    X(outgoing_high_water)                                                     \
    X(buffer)

static PyObject *
base_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    PyObject *module = PyType_GetModuleByDef(type, &bidepy_module);
    if (!module || !bidepy_net_of(bidepy_of_module(module)))
        return NULL;
    bidepy_ssl_base *p = (bidepy_ssl_base *)type->tp_alloc(type, 0);
    if (!p)
        return NULL;
    p->st = bidepy_of_module(module);
    p->st->live++;
    return (PyObject *)p;
}

static int
base_traverse(PyObject *self, visitproc visit, void *arg)
{
    bidepy_ssl_base *p = of(self);
    Py_VISIT(Py_TYPE(self));
#define X(field) Py_VISIT(p->field);
    OBJECTS(X)
#undef X
    return bidepy_tls_traverse(&p->engine, visit, arg);
}

static int
base_clear(PyObject *self)
{
    bidepy_ssl_base *p = of(self);
#define X(field) Py_CLEAR(p->field);
    OBJECTS(X)
#undef X
    p->ready = false;
    bidepy_tls_clear(&p->engine);
    return 0;
}

static void
base_dealloc(PyObject *self)
{
    bidepy_ssl_base *p = of(self);
    bidepy_state *st = p->st;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    base_clear(self);
    PyMem_Free(p->partial);
    type->tp_free(self);
    Py_DECREF(type);
    if (--st->live == 0)
        bidepy_state_drop(st);
}

/* -- the type ------------------------------------------------------------- */

static PyMethodDef methods[] = {
    {"get_buffer", get_buffer, METH_O, NULL},
    {"buffer_updated", buffer_updated, METH_O, NULL},
    {"_do_read", do_read, METH_NOARGS, NULL},
    {"_do_write", do_write, METH_NOARGS, NULL},
    {"_process_outgoing", process_outgoing, METH_NOARGS, NULL},
    {"_app_write", BIDEPY_METHOD(app_write), METH_FASTCALL | METH_KEYWORDS,
     "_app_write($self, data)\n--\n\n"},
    {"_write_appdata", BIDEPY_METHOD(write_appdata),
     METH_FASTCALL | METH_KEYWORDS,
     "_write_appdata($self, list_of_data)\n--\n\n"},
    {NULL, NULL, 0, NULL}};

#define MEMBER(name, kind, field)                                              \
    {                                                                          \
        name, kind, offsetof(bidepy_ssl_base, field), 0, NULL                  \
    }

static PyMemberDef members[] = {
    MEMBER("_loop", T_OBJECT, loop),
    MEMBER("_app_protocol", T_OBJECT, app_protocol),
    MEMBER("_transport", T_OBJECT, transport),
    MEMBER("_sslobj", T_OBJECT, sslobj),
    MEMBER("_incoming", T_OBJECT, incoming),
    MEMBER("_outgoing", T_OBJECT, outgoing),
    MEMBER("_state", T_OBJECT, state),
    MEMBER("_write_backlog", T_OBJECT, write_backlog),
    MEMBER("_outgoing_high_water", T_OBJECT, outgoing_high_water),
    MEMBER("_write_buffer_size", T_PYSSIZET, write_buffer_size),
    MEMBER("_conn_lost", T_PYSSIZET, conn_lost),
    MEMBER("_app_protocol_is_buffer", T_BOOL, app_is_buffer),
    MEMBER("_app_reading_paused", T_BOOL, app_reading_paused),
    MEMBER("_ssl_reading_paused", T_BOOL, ssl_reading_paused),
    MEMBER("_app_writing_paused", T_BOOL, app_writing_paused),
    MEMBER("_ssl_writing_paused", T_BOOL, ssl_writing_paused),
    {NULL, 0, 0, 0, NULL}};

static PyType_Slot slots[] = {
    {Py_tp_doc, "The hot half of bide's SSLProtocol."},
    {Py_tp_new, base_new},
    {Py_tp_dealloc, base_dealloc},
    {Py_tp_traverse, base_traverse},
    {Py_tp_clear, base_clear},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {0, NULL}};

PyType_Spec bidepy_ssl_base_spec = {
    .name = "bide._core._SSLBase",
    .basicsize = sizeof(bidepy_ssl_base),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
