/* net.h - what the files of the asyncio half of the binding share: objects of
 * asyncio's that they use, names, and the loop as they see it. */
#ifndef BIDEPY_NET_H
#define BIDEPY_NET_H

#include "../bidepy.h"

/** Names of attributes and keys: `net->str.name`. */
#define BIDEPY_NET_NAMES(X)                                                    \
    X(_attach)                                                                 \
    X(_call_eof_received)                                                      \
    X(_control_app_writing)                                                    \
    X(_control_ssl_reading)                                                    \
    X(_do_flush)                                                               \
    X(_do_handshake)                                                           \
    X(_do_read__buffered)                                                      \
    X(_do_shutdown)                                                            \
    X(_fatal_error)                                                            \
    X(_start_shutdown)                                                         \
    X(append)                                                                  \
    X(popleft)                                                                 \
    X(write)                                                                   \
    X(_bide_watched)                                                           \
    X(_address)                                                                \
    X(_bide_family)                                                            \
    X(_conn_lost)                                                              \
    X(_sock_fd)                                                                \
    X(_buffer)                                                                 \
    X(_connection_lost)                                                        \
    X(_eof)                                                                    \
    X(_exception)                                                              \
    X(_limit)                                                                  \
    X(_loop)                                                                   \
    X(_paused)                                                                 \
    X(_protocol)                                                               \
    X(_reader)                                                                 \
    X(_stream_reader_wr)                                                       \
    X(_transport)                                                              \
    X(_waiter)                                                                 \
    X(cancelled)                                                               \
    X(feed_data)                                                               \
    X(is_closing)                                                              \
    X(pause_reading)                                                           \
    X(resume_reading)                                                          \
    X(_call_connection_lost)                                                   \
    X(_detach)                                                                 \
    X(_start_reading)                                                          \
    X(_transports)                                                             \
    X(buffer_updated)                                                          \
    X(call_exception_handler)                                                  \
    X(call_soon)                                                               \
    X(close)                                                                   \
    X(connection_lost)                                                         \
    X(connection_made)                                                         \
    X(create_future)                                                           \
    X(data_received)                                                           \
    X(datagram_received)                                                       \
    X(debug)                                                                   \
    X(eof_received)                                                            \
    X(error_received)                                                          \
    X(exception)                                                               \
    X(fileno)                                                                  \
    X(get_buffer)                                                              \
    X(get_debug)                                                               \
    X(getpeername)                                                             \
    X(getsockname)                                                             \
    X(message)                                                                 \
    X(pause_writing)                                                           \
    X(peername)                                                                \
    X(protocol)                                                                \
    X(resume_writing)                                                          \
    X(set_exception)                                                           \
    X(set_result)                                                              \
    X(shutdown)                                                                \
    X(socket)                                                                  \
    X(sockname)                                                                \
    X(transport)                                                               \
    X(warning)

/** Objects of asyncio's: X(field, module, name). */
#define BIDEPY_NET_IMPORTS(X)                                                  \
    X(transport_base, "asyncio.transports", "_FlowControlMixin")               \
    X(datagram_base, "asyncio.selector_events", "_SelectorDatagramTransport")  \
    X(buffered_protocol, "asyncio.protocols", "BufferedProtocol")              \
    X(transport_socket, "asyncio.trsock", "TransportSocket")                   \
    X(stream_reader_base, "asyncio.streams", "StreamReader")                   \
    X(stream_protocol_base, "asyncio.streams", "StreamReaderProtocol")         \
    X(stream_writer_base, "asyncio.streams", "StreamWriter")                   \
    X(invalid_state, "asyncio.exceptions", "InvalidStateError")                \
    X(logger, "asyncio.log", "logger")                                         \
    X(set_nodelay, "asyncio.base_events", "_set_nodelay")                      \
    X(set_result, "asyncio.futures", "_set_result_unless_cancelled")

/** Types made with bases of asyncio's: `net->type.field`. */
#define BIDEPY_NET_TYPES(X)                                                    \
    X(socket)                                                                  \
    X(stream_reader)                                                           \
    X(stream_protocol)                                                         \
    X(stream_writer)                                                           \
    X(datagram)

/** What one interpreter keeps of asyncio; made on first use. */
typedef struct bidepy_net {
    struct {
#define X(field) PyTypeObject *field;
        BIDEPY_NET_TYPES(X)
#undef X
    } type;
#define X(field, module, name) PyObject *field;
    BIDEPY_NET_IMPORTS(X)
#undef X
    struct {
#define X(name) PyObject *name;
        BIDEPY_NET_NAMES(X)
#undef X
    } str;
    struct { /* asyncio.sslproto.SSLProtocolState; NULL without ssl */
        PyObject *wrapped, *do_handshake, *flushing, *shutdown;
    } tls;
    PyObject *on_readable, *on_writable; /* called with a transport */
    char *scratch_block;
    char *scratch; /* for reads whose size is not known */
} bidepy_net;

enum { BIDEPY_NET_SCRATCH = 256 * 1024 };

/** The interpreter's, borrowed; NULL with an exception. */
bidepy_net *bidepy_net_of(bidepy_state *st);

/** Makes the types. */
int bidepy_transport_types(bidepy_state *st, bidepy_net *net);

/** Memory of BIDEPY_NET_SCRATCH bytes, for the moment; NULL: MemoryError. */
char *bidepy_net_scratch(bidepy_net *net);

/** Makes `net->type.datagram`. */
int bidepy_datagram_type(bidepy_state *st, bidepy_net *net);

/* -- attributes of asyncio's objects --------------------------------------- */

/** New: one that lies in the object's dict as a rule, where no class has to be
 * asked first. */
PyObject *bidepy_net_get(PyObject *object, PyObject *name);
int bidepy_net_set(PyObject *object, PyObject *name, PyObject *value);

/** The truth of an attribute; -1 with an exception. */
static inline int
bidepy_net_flag(PyObject *object, PyObject *name)
{
    PyObject *value = bidepy_net_get(object, name);
    int yes = value == Py_True    ? 1
              : value == Py_False ? 0
              : value             ? PyObject_IsTrue(value)
                                  : -1;
    Py_XDECREF(value);
    return yes;
}

/** The name of its type, as type.__name__. */
static inline const char *
bidepy_net_type_name(PyObject *object)
{
    const char *name = Py_TYPE(object)->tp_name, *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

/* -- calls ---------------------------------------------------------------- */

/** New: object.name(argument), or object.name() with NULL. */
static inline PyObject *
bidepy_net_ask(PyObject *object, PyObject *name, PyObject *argument)
{
    PyObject *args[2] = {object, argument};
    return PyObject_VectorcallMethod(
        name, args, (argument ? 2 : 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}

/** The same without a result: 0, or -1. */
static inline int
bidepy_net_tell(PyObject *object, PyObject *name, PyObject *argument)
{
    PyObject *result = bidepy_net_ask(object, name, argument);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/** Whether the exception that is set ends the loop: asyncio lets
 * KeyboardInterrupt and SystemExit through wherever it catches everything else.
 */
bool bidepy_net_is_fatal(void);

/** loop.call_exception_handler() with the exception that is set, which is
 * cleared; transport and protocol may be NULL. 0, or -1: the handler's own. */
int bidepy_net_report(bidepy_net *net, PyObject *loop, const char *message,
                      PyObject *transport, PyObject *protocol);

/** logger.debug(format, subject) if the loop is in debug mode. */
int bidepy_net_debug(bidepy_net *net, PyObject *loop, const char *format,
                     PyObject *subject);
/** The same of an error that nobody is told of otherwise. */
int bidepy_net_debug_error(bidepy_net *net, PyObject *loop, const char *message,
                           PyObject *subject, PyObject *exc);

/** logger.warning(text). */
int bidepy_net_warn(bidepy_net *net, const char *text);

/* -- the loop ------------------------------------------------------------- */

/** As loop.call_soon(callable, argument, second); either may be NULL. */
int bidepy_net_call_soon(PyObject *loop, PyObject *callable, PyObject *argument,
                         PyObject *second);
/** The same with a context. */
int bidepy_net_call(PyObject *loop, PyObject *callable, PyObject *const *args,
                    size_t nargs, PyObject *context);

/** The core's loop, borrowed. */
bide_loop *bidepy_net_core(PyObject *loop);

/** Whether Server._attach and _detach are told which client it is. */
#define BIDEPY_NET_SERVER_KNOWS_CLIENTS (PY_VERSION_HEX >= 0x030D0000)

#endif
