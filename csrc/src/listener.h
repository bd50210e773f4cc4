/* A listening socket and the tasks that wait for its connections. */
#ifndef BIDE_LISTENER_H
#define BIDE_LISTENER_H

#include "unix_file.h"

/** Makes a stream of an accepted descriptor, which on error stays with the
 * caller. */
typedef int (*bide__adopt)(bide_loop *l, int fd, bide_stream **out);

/** What is put between an accepted stream and the one that is delivered; takes
 * over `s` unless it fails. */
typedef struct bide__wrap {
    int (*make)(bide_stream *s, void *arg, bide_stream **out);
    void (*drop)(void *arg); /* at the listener's end */
    void *arg;
} bide__wrap;

void bide__listener_wrap(bide_listener *l, const bide__wrap *wrap);

int bide__listener_new(bide_loop *loop, const bide__sockaddr *a,
                       const bide_tcp_options *o, bide_listener **out);

/** On a listening descriptor, which on error stays with the caller; `file`,
 * copied, may be NULL and is removed at the close. */
int bide__listener_open(bide_loop *loop, int fd, bide__adopt adopt,
                        const bide__unix_file *file, bide_listener **out);

#endif
