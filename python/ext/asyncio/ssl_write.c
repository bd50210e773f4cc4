/* Plaintext that leaves, and the ciphertext of it. */
#include "ssl.h"
#include "transport.h"

enum { LOST_WRITES = 5 };

int
bidepy_ssl_fail(bidepy_ssl_base *p)
{
    bidepy_net *net = bidepy_ssl_net(p);
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    PyObject *exc = bidepy_fetch(), *before = bidepy_handling(exc);
    PyObject *text = PyUnicode_FromString("Fatal error on SSL protocol");
    PyObject *args[] = {(PyObject *)p, exc, text};
    PyObject *done = text ? PyObject_VectorcallMethod(
                                net->str._fatal_error, args,
                                3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL)
                          : NULL;
    bidepy_handled(before);
    Py_XDECREF(done);
    Py_XDECREF(text);
    Py_DECREF(exc);
    return done ? 0 : -1;
}

/* -- ciphertext ----------------------------------------------------------- */

static int
send_output(bidepy_ssl_base *p)
{
    bidepy_net *net = bidepy_ssl_net(p);
    PyObject *data = bidepy_tls_output(&p->engine);
    int rc = data ? 0 : -1;
    if (data && PyBytes_GET_SIZE(data)) {
        if (Py_IS_TYPE(p->transport, net->type.socket))
            rc = bidepy_transport_write((bidepy_transport *)p->transport, data);
        else
            rc = bidepy_net_tell(p->transport, net->str.write, data);
    }
    Py_XDECREF(data);
    return rc;
}

/* Whether the protocol may have to be told to pause, or to go on. */
static bool
is_at_a_mark(const bidepy_ssl_base *p)
{
    if (p->app_writing_paused || p->ssl_writing_paused || p->write_buffer_size)
        return true;
    return p->outgoing_high_water && PyLong_Check(p->outgoing_high_water) &&
           PyObject_IsTrue(p->outgoing_high_water) == 0;
}

int
bidepy_ssl_process_outgoing(bidepy_ssl_base *p)
{
    if (!p->ssl_writing_paused && send_output(p))
        return -1;
    if (!is_at_a_mark(p))
        return 0;
    return bidepy_net_tell((PyObject *)p,
                           bidepy_ssl_net(p)->str._control_app_writing, NULL);
}

/* -- plaintext ------------------------------------------------------------ */

static Py_ssize_t
length(PyObject *data)
{
    return PyBytes_CheckExact(data) ? PyBytes_GET_SIZE(data)
                                    : PyObject_Length(data);
}

/* 0; 1: OpenSSL has to hear from the peer first; -1. It takes all or nothing.
 */
static int
encrypt(bidepy_ssl_base *p, PyObject *data)
{
    if (bidepy_tls_write(&p->engine, data) == 0)
        return 0;
    if (!PyErr_ExceptionMatches(p->engine.want_read) &&
        !PyErr_ExceptionMatches(p->engine.want_write))
        return -1;
    PyErr_Clear();
    return 1;
}

static int
encrypt_backlog(bidepy_ssl_base *p)
{
    bidepy_net *net = bidepy_ssl_net(p);
    while (p->write_buffer_size) {
        PyObject *data = PySequence_GetItem(p->write_backlog, 0);
        if (!data)
            return -1;
        Py_ssize_t n = length(data);
        /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
        int rc = n > 0 ? encrypt(p, data) : n < 0 ? -1 : 0;
        Py_DECREF(data);
        if (rc)
            return rc < 0 ? -1 : 0;
        if (bidepy_net_tell(p->write_backlog, net->str.popleft, NULL))
            return -1;
        p->write_buffer_size -= n;
    }
    return 0;
}

int
bidepy_ssl_do_write(bidepy_ssl_base *p)
{
    if (!p->write_backlog || !p->transport)
        return 0;
    return encrypt_backlog(p) ? -1 : bidepy_ssl_process_outgoing(p);
}

static int
queue(bidepy_ssl_base *p, PyObject *data)
{
    Py_ssize_t n = length(data);
    if (n < 0 ||
        bidepy_net_tell(p->write_backlog, bidepy_ssl_net(p)->str.append, data))
        return -1;
    p->write_buffer_size += n;
    return 0;
}

/* 1: go on; 0: the connection is closing, and that was all. */
static int
may_send(bidepy_ssl_base *p)
{
    bidepy_net *net = bidepy_ssl_net(p);
    if (p->state == net->tls.wrapped || p->state == net->tls.do_handshake)
        return 1;
    if (p->conn_lost++ < LOST_WRITES)
        return 0;
    return bidepy_net_warn(net, "SSL connection is closed");
}

/* Without a way through the backlog, which is empty as a rule. */
static int
encrypt_or_queue(bidepy_ssl_base *p, PyObject *data)
{
    bool now =
        p->state == bidepy_ssl_net(p)->tls.wrapped && p->write_buffer_size == 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    int rc = now ? encrypt(p, data) : 1;
    return rc == 1 ? queue(p, data) : rc;
}

static int
flush(bidepy_ssl_base *p)
{
    if (p->state != bidepy_ssl_net(p)->tls.wrapped)
        return 0;
    return bidepy_ssl_do_write(p);
}

int
bidepy_ssl_send(bidepy_ssl_base *p, PyObject *data)
{
    int go = may_send(p);
    if (go <= 0)
        return go;
    if (encrypt_or_queue(p, data) || flush(p))
        return bidepy_ssl_fail(p);
    return 0;
}

int
bidepy_ssl_send_list(bidepy_ssl_base *p, PyObject *list)
{
    int go = may_send(p), rc = 0;
    if (go <= 0)
        return go;
    PyObject *items = PySequence_Fast(
        list, "writelines() needs an iterable of bytes-like objects");
    if (!items)
        return -1;
    for (Py_ssize_t i = 0; rc == 0 && i < PySequence_Fast_GET_SIZE(items);
         i++) {
        PyObject *data = PySequence_Fast_GET_ITEM(items, i);
        Py_ssize_t n = length(data);
        rc = n > 0 ? encrypt_or_queue(p, data) : (int)n;
    }
    Py_DECREF(items);
    return rc || flush(p) ? bidepy_ssl_fail(p) : 0;
}
