/* streams.h - asyncio's streams, with what each message goes through in C: the
 * methods (stream_read.c, streams.c) and what they return to be awaited
 * (stream_call.c).
 *
 * The types are subclasses of asyncio.StreamReader, StreamReaderProtocol and
 * StreamWriter that add methods and no state: an object of asyncio's becomes
 * one of ours by its `__class__`, and all other methods stay asyncio's. State
 * is read and written by the names asyncio gives it. Whatever is not the plain
 * case is lent to asyncio's own method. */
#ifndef BIDEPY_STREAMS_H
#define BIDEPY_STREAMS_H

#include "net.h"

typedef struct bidepy_stream_call bidepy_stream_call;

typedef enum bidepy_stream_step {
    BIDEPY_STREAM_ERROR = -1,
    BIDEPY_STREAM_WAIT,  /* for data of the reader */
    BIDEPY_STREAM_READY, /* `*result` is new */
    BIDEPY_STREAM_LEND   /* asyncio's coroutine goes on */
} bidepy_stream_step;

typedef struct bidepy_stream_kind {
    const char *name;   /* as the coroutine's __qualname__ */
    const char *method; /* of asyncio's class */
    bidepy_stream_step (*step)(bidepy_stream_call *c, PyObject **result);
} bidepy_stream_kind;

/** What a method of a stream returns: a coroutine in all but its type. */
struct bidepy_stream_call {
    BIDEPY_HEAD
    const bidepy_stream_kind *kind;
    PyObject *subject;  /* the reader or the writer */
    PyObject *argument; /* of the method, or NULL */
    PyObject *inner;    /* a future's iterator, or asyncio's coroutine */
    Py_ssize_t n;
    enum { NEW, AWAKE, WAITING, LENT, OVER } phase;
};

/** New; `argument` may be NULL. */
PyObject *bidepy_stream_call_new(bidepy_state *st,
                                 const bidepy_stream_kind *kind,
                                 PyObject *subject, PyObject *argument,
                                 Py_ssize_t n);
/** New: asyncio's own method of that name, not ours. */
PyObject *bidepy_stream_stock(PyObject *subject, const char *method);

/** Of an object of one of the types; NULL: an exception, the module is gone. */
bidepy_state *bidepy_stream_state(PyObject *self);

extern PyMethodDef bidepy_stream_reader_methods[];
extern PyMethodDef bidepy_stream_protocol_methods[];

/** Makes `net->type.stream_reader`, ... */
int bidepy_stream_types(bidepy_state *st, bidepy_net *net);

/** An exact StreamReaderProtocol of ours is told of `n` bytes. */
int bidepy_stream_received(bidepy_net *net, PyObject *protocol,
                           const char *data, size_t n);

#endif
