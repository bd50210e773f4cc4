#include "pipe.h"

#include "stream.h"
#include "stream_state.h"

int
bide__pipe_adopt(bide_loop *l, int fd, bide_stream **out)
{
    bide_stream *s = bide__stream_new(l);
    if (!s)
        return BIDE_ENOMEMORY;
    int rc = uv_pipe_init(&l->uv, &s->uv.pipe, 0);
    if (rc) {
        bide_stream_unref(s);
        return rc;
    }
    bide__stream_open(s);
    rc = uv_pipe_open(&s->uv.pipe, fd);
    if (rc)
        bide_stream_unref(s);
    else
        *out = s;
    return rc;
}
