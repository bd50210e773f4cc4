/* What a child and this process have of its standard streams, before it is
 * started. */
#ifndef BIDE_PROCESS_STDIO_H
#define BIDE_PROCESS_STDIO_H

#include "bide.h"

enum { BIDE__STDIO = 3 };

typedef struct bide__stdio {
    int child[BIDE__STDIO];   /* descriptors of ours that it gets; -1: none */
    bool opened[BIDE__STDIO]; /* for it: closed when it has started */
    bide_stream *ours[BIDE__STDIO];
    bool terminal;
} bide__stdio;

/** Opens what `o` asks for. On an error nothing is left open. */
int bide__stdio_open(bide__stdio *io, bide_loop *l,
                     const bide_process_options *o);

/** Ends the child's side here: `started` or not. Of ours the streams are left,
 * to be taken or unreferenced. */
void bide__stdio_close(bide__stdio *io, const bide_process_options *o,
                       bool started);
void bide__stdio_drop(bide__stdio *io);

#endif
