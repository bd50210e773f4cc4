/* tls_engine.h - one end of a TLS connection, without I/O: an ssl.SSLObject
 * between two ssl.MemoryBIOs. Ciphertext goes in by bidepy_tls_feed and comes
 * out by bidepy_tls_output; what to do with it is the caller's.
 *
 * Every function calls into the interpreter, which may let other threads run:
 * not for I/O callbacks of the core. Nothing here is bound to a loop.
 *
 * The hot path is few calls of cached methods of the innermost object: `feed`
 * and `read` for what arrives, `write` and `output` for what leaves. Memory is
 * lent to them through one reusable exporter, so that plaintext is decrypted
 * straight to where it is wanted.
 *
 * Asking for plaintext that is not there raises and clears an exception inside
 * ssl, which costs more than a small record. bidepy_tls_records tells how much
 * of the ciphertext at hand is whole records: feed only those. */
#ifndef BIDEPY_TLS_ENGINE_H
#define BIDEPY_TLS_ENGINE_H

#include "bidepy.h"

typedef struct bidepy_tls {
    bidepy_state *st;
    PyObject *object; /* the ssl.SSLObject */
    PyObject *incoming, *outgoing;
    PyObject *window; /* lends memory for one call */
    PyObject *window_args;
    PyObject *feed, *output, *read, *write, *shake, *shutdown, *pending;
    PyObject *want_read, *want_write, *zero_return;
    bool ended; /* the peer has sent its close_notify */
} bidepy_tls;

/** What an operation came to, beside -1 with an exception. */
enum {
    BIDEPY_TLS_DONE = 0,
    BIDEPY_TLS_WANT = 1, /* needs more ciphertext from the peer */
    BIDEPY_TLS_END = 2   /* the peer has ended its side: close_notify */
};

/** What bidepy_tls_new needs; all borrowed, NULL or None: none. */
typedef struct bidepy_tls_setup {
    PyObject *context; /* ssl.SSLContext */
    PyObject *server_hostname;
    PyObject *session;
    bool server_side;
} bidepy_tls_setup;

/** Fills `e`, zeroed by the caller. -1 with an exception: of the arguments, as
 * ssl words it; bidepy_tls_clear is then fine, and needed. */
int bidepy_tls_init(bidepy_tls *e, bidepy_state *st,
                    const bidepy_tls_setup *setup);
/** The same over an ssl.SSLObject and its BIOs that others made. */
int bidepy_tls_adopt(bidepy_tls *e, bidepy_state *st, PyObject *object,
                     PyObject *incoming, PyObject *outgoing);
void bidepy_tls_clear(bidepy_tls *e);
/** For the `tp_traverse` of what embeds it. */
int bidepy_tls_traverse(const bidepy_tls *e, visitproc visit, void *arg);

/** How many of the `n` bytes are whole records. If none is, `*need` is how many
 * bytes have to be there for more to be known. Bytes that are no TLS count as
 * whole: ssl has to see them to say so. */
size_t bidepy_tls_records(const char *data, size_t n, size_t *need);
/** The same, and how many records there are; UINT_MAX: unknown. */
size_t bidepy_tls_split(const char *data, size_t n, size_t *need,
                        unsigned *count);

/** Hands over ciphertext: 0, or -1. */
int bidepy_tls_feed(bidepy_tls *e, const char *data, size_t n);
/** The transport has ended: what is still missing is an ssl.SSLEOFError. */
int bidepy_tls_feed_eof(bidepy_tls *e);

/** Goes on with the handshake: DONE, WANT or -1. In each case there may be
 * output to send (an alert, too). */
int bidepy_tls_handshake(bidepy_tls *e);

/** Plaintext of what was fed, as much as there is, to `out`: `*got` bytes,
 * at most `n` (at least 1). DONE: `n` bytes came, there may be more. WANT, END:
 * that was all. -1: `*got` bytes came before the exception. */
int bidepy_tls_read(bidepy_tls *e, char *out, size_t n, size_t *got);
/** The same of at most `records` records: DONE if they were all read. */
int bidepy_tls_read_some(bidepy_tls *e, char *out, size_t n, unsigned records,
                         size_t *got);

/** Encrypts all of `data` (bytes, or another contiguous buffer; not empty). */
int bidepy_tls_write(bidepy_tls *e, PyObject *data);
/** The same of memory. */
int bidepy_tls_write_from(bidepy_tls *e, const char *data, size_t n);

/** New bytes: ciphertext to send, b"" if there is none; NULL: an exception. */
PyObject *bidepy_tls_output(bidepy_tls *e);

/** Makes the close_notify. What has been fed and not been read may be lost to
 * it: read first. END: the peer's has been seen, too; WANT: it has not. */
int bidepy_tls_end(bidepy_tls *e);

#endif
