/* A socket's transport: how it begins and ends. */
#include "transport.h"

#include "fds.h"

/* -- the watch ------------------------------------------------------------ */

static int
wanted(const bidepy_transport *t)
{
    int events = 0;
    if (t->conn_lost || !t->watch)
        return 0;
    if (t->started && bidepy_transport_is_reading(t))
        events |= BIDE_READABLE;
    if (t->queue.count && !t->corked)
        events |= BIDE_WRITABLE;
    return events;
}

/* The loop holds those that it watches: see transport.h. */
static int
hold(bidepy_transport *t, bool on)
{
    PyObject *key = PyLong_FromVoidPtr(t);
    int rc = -1;
    if (key)
        rc = on ? PyDict_SetItem(t->watched, key, (PyObject *)t)
                : PyDict_DelItem(t->watched, key);
    Py_XDECREF(key);
    return rc;
}

int
bidepy_transport_want(bidepy_transport *t)
{
    int events = wanted(t);
    if (!t->watch || bide_watch_wanted(t->watch) == events)
        return 0;
    bool changes = (bide_watch_wanted(t->watch) != 0) != (events != 0);
    if (changes && hold(t, events != 0))
        return -1;
    int rc = bide_watch_want(t->watch, events);
    if (rc == 0 || (rc == BIDE_ECLOSED && !events))
        return 0;
    if (changes && events && hold(t, false))
        return -1;
    if (rc == BIDE_ECLOSED)
        PyErr_SetString(PyExc_RuntimeError, "Event loop is closed");
    else if (rc < 0)
        bidepy_raise(t->st, rc, NULL);
    return -1;
}

static bool
is_due(bidepy_transport *t, int event)
{
    bool due = t->told & event & wanted(t);
    t->told &= ~event;
    return due;
}

PyObject *
bidepy_transport_on_readable(PyObject *module, PyObject *transport)
{
    (void)module;
    bidepy_transport *t = (bidepy_transport *)transport;
    if (is_due(t, BIDE_READABLE) && bidepy_transport_readable(t))
        return NULL;
    Py_RETURN_NONE;
}

PyObject *
bidepy_transport_on_writable(PyObject *module, PyObject *transport)
{
    (void)module;
    bidepy_transport *t = (bidepy_transport *)transport;
    if (is_due(t, BIDE_WRITABLE) && bidepy_transport_writable(t))
        return NULL;
    Py_RETURN_NONE;
}

/* An event takes its place among the loop's callbacks. */
static void
queue_event(bidepy_transport *t, int event)
{
    bidepy_net *net = bidepy_transport_net(t);
    bool read = event == BIDE_READABLE;
    PyObject *self = (PyObject *)t;
    if (bidepy_net_call(t->loop, read ? net->on_readable : net->on_writable,
                        &self, 1, read ? t->read_context : t->write_context))
        PyErr_WriteUnraisable(self);
    else
        t->told |= event;
}

static void
on_ready(void *arg, int events)
{
    bidepy_transport *t = arg;
    events &= ~t->told;
    if (events & BIDE_READABLE)
        queue_event(t, BIDE_READABLE);
    if (events & BIDE_WRITABLE)
        queue_event(t, BIDE_WRITABLE);
}

/* A transport that is closing, whose socket the program has closed already: the
 * number is another's now. */
static int
retire(bidepy_transport *t)
{
    bidepy_net *net = bidepy_transport_net(t);
    PyObject *all = PyObject_GetAttr(t->loop, net->str._transports);
    PyObject *key = all ? PyLong_FromLong(t->fd) : NULL;
    PyObject *old = key ? PyObject_GetItem(all, key) : NULL;
    int rc = BIDE_EHOST;
    if (old && Py_IS_TYPE(old, net->type.socket))
        rc = bidepy_transport_unwatch((bidepy_transport *)old) ? BIDE_EHOST : 0;
    else if (PyErr_ExceptionMatches(PyExc_KeyError))
        PyErr_Clear();
    Py_XDECREF(old);
    Py_XDECREF(key);
    Py_XDECREF(all);
    return rc;
}

int
bidepy_transport_watch(bidepy_transport *t)
{
    bide_loop *core = bidepy_net_core(t->loop);
    if (!core)
        return -1;
    int rc = bide_watch_new(core, t->fd, on_ready, t, &t->watch);
    if (rc == -EEXIST && retire(t) == 0)
        rc = bide_watch_new(core, t->fd, on_ready, t, &t->watch);
    if (PyErr_Occurred())
        return -1;
    if (rc)
        bidepy_raise(t->st, rc, NULL);
    return rc ? -1 : bidepy_transport_want(t);
}

int
bidepy_transport_unwatch(bidepy_transport *t)
{
    if (!t->watch)
        return 0;
    int rc = bide_watch_wanted(t->watch) ? hold(t, false) : 0;
    bide_watch_unref(t->watch);
    t->watch = NULL;
    return rc;
}

/* -- the end -------------------------------------------------------------- */

static int
schedule_lost(bidepy_transport *t, PyObject *exc)
{
    bidepy_net *net = bidepy_transport_net(t);
    t->conn_lost++;
    if (bidepy_transport_want(t))
        return -1;
    PyObject *call =
        PyObject_GetAttr((PyObject *)t, net->str._call_connection_lost);
    int rc = call ? bidepy_net_call_soon(t->loop, call, exc, NULL) : -1;
    Py_XDECREF(call);
    return rc;
}

int
bidepy_transport_close(bidepy_transport *t)
{
    if (t->closing)
        return 0;
    if (bidepy_transport_uncork(t))
        return -1;
    if (t->conn_lost)
        return 0;
    t->closing = true;
    return t->queue.count ? bidepy_transport_want(t)
                          : schedule_lost(t, Py_None);
}

int
bidepy_transport_force_close(bidepy_transport *t, PyObject *exc)
{
    if (bidepy_transport_uncork(t))
        return -1;
    if (t->conn_lost || !t->loop)
        return 0;
    bidepy_sendq_clear(&t->queue);
    t->closing = true;
    return schedule_lost(t, exc);
}

int
bidepy_transport_fatal(bidepy_transport *t, const char *message)
{
    bidepy_net *net = bidepy_transport_net(t);
    if (bidepy_net_is_fatal())
        return -1;
    PyObject *exc = bidepy_fetch();
    int rc = 0;
    if (t->loop && PyErr_GivenExceptionMatches(exc, PyExc_OSError)) {
        rc = bidepy_net_debug_error(net, t->loop, message, (PyObject *)t, exc);
    } else if (t->loop) {
        bidepy_reraise(exc);
        rc = bidepy_net_report(net, t->loop, message, (PyObject *)t,
                               t->protocol);
    }
    if (rc == 0)
        rc = bidepy_transport_force_close(t, exc);
    Py_DECREF(exc);
    return rc;
}

static int
fail_empty_waiter(bidepy_transport *t)
{
    PyObject *exc = PyObject_CallFunction(PyExc_ConnectionError, "s",
                                          "Connection is closed by peer");
    int rc =
        exc ? bidepy_net_tell(t->empty_waiter,
                              bidepy_transport_net(t)->str.set_exception, exc)
            : -1;
    Py_XDECREF(exc);
    return rc;
}

static int
detach_server(bidepy_transport *t)
{
    bidepy_net *net = bidepy_transport_net(t);
    PyObject *server = t->server;
    if (!server)
        return 0;
    t->server = NULL;
    int rc =
        bidepy_net_tell(server, net->str._detach,
                        BIDEPY_NET_SERVER_KNOWS_CLIENTS ? (PyObject *)t : NULL);
    Py_DECREF(server);
    return rc;
}

/* Whatever fails, the descriptor is closed; the first exception stays. */
static int
let_go(bidepy_transport *t)
{
    bidepy_net *net = bidepy_transport_net(t);
    PyObject *exc = PyErr_Occurred() ? bidepy_fetch() : NULL;
    PyObject *sock = t->sock;
    t->sock = NULL;
    t->corked = false;
    t->closing = true; /* for who still has it: as the collector does */
    t->conn_lost += t->conn_lost == 0;
    int rc = bidepy_transport_unwatch(t);
    if (sock && bidepy_net_tell(sock, net->str.close, NULL))
        rc = -1;
    Py_XDECREF(sock);
    Py_CLEAR(t->protocol);
    Py_CLEAR(t->loop);
    Py_CLEAR(t->read_context);
    Py_CLEAR(t->write_context);
    if (detach_server(t))
        rc = -1;
    if (!exc)
        return rc;
    PyErr_Clear();
    bidepy_reraise(exc);
    Py_DECREF(exc);
    return -1;
}

int
bidepy_transport_lost(bidepy_transport *t, PyObject *exc)
{
    bidepy_net *net = bidepy_transport_net(t);
    if (!t->loop)
        return 0;
    Py_INCREF(t);
    t->conn_lost += t->conn_lost == 0;
    int rc = t->connected && t->protocol
                 ? bidepy_net_tell(t->protocol, net->str.connection_lost, exc)
                 : 0;
    if (let_go(t))
        rc = -1;
    if (rc == 0 && t->empty_waiter)
        rc = fail_empty_waiter(t);
    Py_DECREF(t);
    return rc;
}

void
bidepy_transport_finalize(PyObject *transport)
{
    bidepy_transport *t = (bidepy_transport *)transport;
    if (!t->sock)
        return;
    PyObject *exc = PyErr_Occurred() ? bidepy_fetch() : NULL;
    if (PyErr_ResourceWarning(transport, 1, "unclosed transport %R", transport))
        PyErr_WriteUnraisable(transport);
    if (let_go(t))
        PyErr_WriteUnraisable(transport);
    if (exc) {
        bidepy_reraise(exc);
        Py_DECREF(exc);
    }
}

/* -- the beginning -------------------------------------------------------- */

int
bidepy_transport_set_protocol(bidepy_transport *t, PyObject *protocol)
{
    int buffered = PyObject_IsInstance(
        protocol, bidepy_transport_net(t)->buffered_protocol);
    if (buffered < 0)
        return -1;
    Py_XSETREF(t->protocol, Py_NewRef(protocol));
    t->secured = PyObject_TypeCheck(protocol, t->st->type.ssl_base);
    t->buffered = buffered != 0;
    t->connected = true;
    return 0;
}

/* extra[key] = socket.name(), or None where the system has no answer. */
static int
add_name(bidepy_transport *t, PyObject *key, PyObject *method)
{
    PyObject *name = bidepy_net_ask(t->sock, method, NULL);
    if (!name) {
        if (!PyErr_ExceptionMatches(PyExc_OSError))
            return -1;
        PyErr_Clear();
        name = Py_NewRef(Py_None);
    }
    int rc = PyDict_SetItem(t->extra, key, name);
    Py_DECREF(name);
    return rc;
}

static int
fill_extra(bidepy_transport *t)
{
    bidepy_net *net = bidepy_transport_net(t);
    PyObject *sock = PyObject_CallOneArg(net->transport_socket, t->sock);
    int rc = sock ? PyDict_SetItem(t->extra, net->str.socket, sock) : -1;
    Py_XDECREF(sock);
    if (rc || add_name(t, net->str.sockname, net->str.getsockname))
        return -1;
    int has = PyDict_Contains(t->extra, net->str.peername);
    if (has)
        return has < 0 ? -1 : 0;
    return add_name(t, net->str.peername, net->str.getpeername);
}

static int
take_loop(bidepy_transport *t, PyObject *loop)
{
    bidepy_net *net = bidepy_transport_net(t);
    t->loop = Py_NewRef(loop);
    t->watched = PyObject_GetAttr(loop, net->str._bide_watched);
    if (!t->watched)
        return -1;
    if (PyDict_Check(t->watched))
        return 0;
    PyErr_SetString(PyExc_TypeError, "loop must be a loop of bide's");
    return -1;
}

static int
take_descriptor(bidepy_transport *t)
{
    PyObject *fd =
        bidepy_net_ask(t->sock, bidepy_transport_net(t)->str.fileno, NULL);
    t->fd = fd ? (int)PyLong_AsLong(fd) : -1;
    Py_XDECREF(fd);
    return PyErr_Occurred() ? -1 : 0;
}

/* loop._transports[fd] = self, for the checks of asyncio's own methods. */
static int
join_loop(bidepy_transport *t)
{
    bidepy_net *net = bidepy_transport_net(t);
    if (t->server &&
        bidepy_net_tell(t->server, net->str._attach,
                        BIDEPY_NET_SERVER_KNOWS_CLIENTS ? (PyObject *)t : NULL))
        return -1;
    PyObject *all = PyObject_GetAttr(t->loop, net->str._transports);
    PyObject *key = all ? PyLong_FromLong(t->fd) : NULL;
    int rc = key ? PyObject_SetItem(all, key, (PyObject *)t) : -1;
    Py_XDECREF(key);
    Py_XDECREF(all);
    return rc;
}

/* Reading begins, and the waiter is woken, after connection_made. */
static int
schedule_begin(bidepy_transport *t, PyObject *waiter)
{
    bidepy_net *net = bidepy_transport_net(t);
    PyObject *made = PyObject_GetAttr(t->protocol, net->str.connection_made);
    PyObject *read = PyObject_GetAttr((PyObject *)t, net->str._start_reading);
    int rc = -1;
    if (made && read &&
        bidepy_net_call_soon(t->loop, made, (PyObject *)t, NULL) == 0)
        rc = bidepy_net_call_soon(t->loop, read, NULL, NULL);
    if (rc == 0 && waiter != Py_None)
        rc = bidepy_net_call_soon(t->loop, net->set_result, waiter, Py_None);
    Py_XDECREF(made);
    Py_XDECREF(read);
    return rc;
}

/* A callback for the descriptor would read what is the protocol's. */
static void
replace_callbacks(const bidepy_transport *t)
{
    bidepy_fd *entry = bidepy_fd_find((bidepy_loop *)t->loop, t->fd);
    bidepy_fd_take_off(entry, BIDEPY_READER);
    bidepy_fd_take_off(entry, BIDEPY_WRITER);
}

static int
begin(bidepy_transport *t, const bidepy_transport_setup *s)
{
    bidepy_net *net = bidepy_transport_net(t);
    t->sock = Py_NewRef(s->sock);
    t->server = s->server == Py_None ? NULL : Py_NewRef(s->server);
    t->extra = s->extra == Py_None ? PyDict_New() : Py_NewRef(s->extra);
    if (!t->extra || take_loop(t, s->loop) || take_descriptor(t) ||
        fill_extra(t) || bidepy_transport_set_protocol(t, s->protocol) ||
        bidepy_transport_watch(t) || join_loop(t))
        return -1;
    replace_callbacks(t);
    PyObject *done = PyObject_CallOneArg(net->set_nodelay, t->sock);
    Py_XDECREF(done);
    return done ? schedule_begin(t, s->waiter) : -1;
}

PyObject *
bidepy_transport_new(bidepy_state *st, const bidepy_transport_setup *s)
{
    bidepy_net *net = bidepy_net_of(st);
    if (!net)
        return NULL;
    PyTypeObject *type = net->type.socket;
    bidepy_transport *t = (bidepy_transport *)type->tp_alloc(type, 0);
    if (!t)
        return NULL;
    t->st = st;
    st->live++;
    t->fd = -1;
    t->high = 64 * 1024;
    t->low = t->high / 4;
    if (begin(t, s) == 0)
        return (PyObject *)t;
    /* The caller closes its socket; nobody is told of this transport. */
    PyObject *exc = bidepy_fetch();
    Py_CLEAR(t->sock);
    Py_DECREF(t);
    bidepy_reraise(exc);
    Py_DECREF(exc);
    return NULL;
}
