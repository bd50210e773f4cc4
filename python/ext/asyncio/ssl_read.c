/* Ciphertext that arrives, and the plaintext in it. */
#include "ssl.h"

#include <string.h>

enum {
    HEADER = 5,
    CHUNK = 64 * 1024 /* of plaintext, when nobody knows how much there is */
};

/* -- records -------------------------------------------------------------- */

/* Counts whole records: how many bytes they are. Bytes that are no record count
 * as one: OpenSSL has to see them to say so. */
static size_t
whole_records(const char *data, size_t n, size_t *count)
{
    size_t whole = 0, need;
    *count = 0;
    while (n - whole >= HEADER) {
        size_t left = n - whole;
        size_t body = (size_t)(unsigned char)data[whole + 3] << 8 |
                      (unsigned char)data[whole + 4];
        size_t one = left < HEADER + body ? left : HEADER + body;
        size_t fits = bidepy_tls_records(data + whole, one, &need);
        if (fits == 0)
            break;
        whole += fits;
        ++*count;
    }
    return whole;
}

/* Makes room for `n` bytes in all, be it none; those there stay. */
static int
make_room(bidepy_ssl_base *p, size_t n)
{
    size_t room = p->partial_room ? p->partial_room : 1024;
    if (p->partial && n <= p->partial_room)
        return 0;
    while (room < n)
        room *= 2;
    char *more = PyMem_Realloc(p->partial, room);
    if (!more) {
        PyErr_NoMemory();
        return -1;
    }
    p->partial = more;
    p->partial_room = room;
    return 0;
}

static int
append_partial(bidepy_ssl_base *p, const char *data, size_t n)
{
    if (make_room(p, p->partial_len + n))
        return -1;
    memcpy(p->partial + p->partial_len, data, n);
    p->partial_len += n;
    return 0;
}

/* `rest` may lie in `partial` itself. */
static int
keep_rest(bidepy_ssl_base *p, const char *rest, size_t n)
{
    p->partial_len = 0;
    if (p->partial && rest >= p->partial &&
        rest <= p->partial + p->partial_room) {
        memmove(p->partial, rest, n);
        p->partial_len = n;
        return 0;
    }
    return n ? append_partial(p, rest, n) : 0;
}

/* -- plaintext ------------------------------------------------------------ */

/* Appends the next chunk to `*out`, which grows; `*got` bytes of it are filled.
 */
static int
read_chunk(bidepy_ssl_base *p, PyObject **out, size_t *got)
{
    size_t count = 0;
    if (_PyBytes_Resize(out, (Py_ssize_t)(*got + CHUNK)))
        return -1;
    int rc = bidepy_tls_read(&p->engine, PyBytes_AS_STRING(*out) + *got, CHUNK,
                             &count);
    *got += count;
    return rc;
}

/* New: all plaintext there is, maybe none; `*rc` tells how it ended. */
static PyObject *
read_all(bidepy_ssl_base *p, size_t records, size_t size, int *rc)
{
    bool counted = records > 0 && !p->behind;
    size_t got = 0;
    PyObject *out =
        PyBytes_FromStringAndSize(NULL, counted ? (Py_ssize_t)size : 1);
    *rc = -1;
    if (out && counted)
        *rc = bidepy_tls_read_some(&p->engine, PyBytes_AS_STRING(out), size,
                                   (unsigned)records, &got);
    else if (out)
        do
            *rc = read_chunk(p, &out, &got);
        while (*rc == BIDEPY_TLS_DONE);
    p->behind = false;
    if (out && got < (size_t)PyBytes_GET_SIZE(out) &&
        _PyBytes_Resize(&out, (Py_ssize_t)got))
        *rc = -1;
    return out;
}

static int
deliver(bidepy_ssl_base *p, PyObject *data)
{
    if (PyBytes_GET_SIZE(data) == 0)
        return 0;
    return bidepy_net_tell(p->app_protocol,
                           bidepy_ssl_net(p)->str.data_received, data);
}

/* As in asyncio, an error wins over what was read before it. */
static int
read_copied(bidepy_ssl_base *p, size_t records, size_t size)
{
    bidepy_net *net = bidepy_ssl_net(p);
    int how;
    PyObject *data = read_all(p, records, size, &how);
    int rc = how < 0 ? -1 : deliver(p, data);
    Py_XDECREF(data);
    if (rc || how != BIDEPY_TLS_END)
        return rc;
    if (bidepy_net_tell((PyObject *)p, net->str._call_eof_received, NULL))
        return -1;
    return bidepy_net_tell((PyObject *)p, net->str._start_shutdown, NULL);
}

static int
read_and_answer(bidepy_ssl_base *p, size_t records, size_t size)
{
    bidepy_net *net = bidepy_ssl_net(p);
    int rc;
    if (p->app_is_buffer) {
        p->behind = true;
        rc = bidepy_net_tell((PyObject *)p, net->str._do_read__buffered, NULL);
    } else {
        rc = read_copied(p, records, size);
    }
    return rc ? rc : bidepy_ssl_do_write(p);
}

int
bidepy_ssl_do_read(bidepy_ssl_base *p, size_t records, size_t size)
{
    bidepy_net *net = bidepy_ssl_net(p);
    int rc = 0;
    if (p->state != net->tls.wrapped && p->state != net->tls.flushing)
        return 0;
    if (p->app_reading_paused)
        p->behind = true;
    else
        rc = read_and_answer(p, records, size);
    if (rc == 0 && (p->app_reading_paused || p->ssl_reading_paused))
        rc =
            bidepy_net_tell((PyObject *)p, net->str._control_ssl_reading, NULL);
    return rc ? bidepy_ssl_fail(p) : 0;
}

/* -- what arrives --------------------------------------------------------- */

static int
dispatch(bidepy_ssl_base *p, size_t records, size_t size)
{
    bidepy_net *net = bidepy_ssl_net(p);
    PyObject *method = NULL;
    if (p->state == net->tls.wrapped)
        return bidepy_ssl_do_read(p, records, size);
    p->behind = true;
    if (p->state == net->tls.do_handshake)
        method = net->str._do_handshake;
    else if (p->state == net->tls.flushing)
        method = net->str._do_flush;
    else if (p->state == net->tls.shutdown)
        method = net->str._do_shutdown;
    return method ? bidepy_net_tell((PyObject *)p, method, NULL) : 0;
}

int
bidepy_ssl_received(bidepy_ssl_base *p, const char *data, size_t n)
{
    size_t records;
    if (p->partial_len) {
        if (append_partial(p, data, n))
            return -1;
        data = p->partial;
        n = p->partial_len;
    }
    size_t whole = whole_records(data, n, &records);
    if (whole && bidepy_tls_feed(&p->engine, data, whole))
        return -1;
    if (keep_rest(p, data + whole, n - whole))
        return -1;
    return records ? dispatch(p, records, whole) : 0;
}
