#include "vector.h"

#include <string.h>

enum { PART_MAX = 1 << 30 /* what one buffer of libuv's holds */ };

int
bide__write_list(bide_wait *w, const bide_buffer *list, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (list[i].len > SIZE_MAX / 2 - len)
            return BIDE_EINVALID;
        len += list[i].len;
    }
    bide__write_run(w, (const char *)list, len);
    w->aux = 1;
    return 0;
}

static unsigned
slice_list(const bide_buffer *list, size_t offset, size_t left, uv_buf_t *out)
{
    unsigned n = 0;
    for (; offset >= list->len; list++)
        offset -= list->len;
    for (; left && n < BIDE__VECTOR; list++, offset = 0) {
        size_t part = list->len - offset;
        if (part == 0)
            continue;
        bool huge = part > PART_MAX;
        out[n++] = uv_buf_init((char *)list->data + offset,
                               huge ? PART_MAX : (unsigned)part);
        if (huge)
            break;
        left -= part;
    }
    return n;
}

unsigned
bide__write_slice(const bide_wait *w, uv_buf_t out[BIDE__VECTOR])
{
    size_t left = bide__write_left(w);
    if (w->aux)
        return slice_list((const bide_buffer *)w->u.io.data, w->u.io.done, left,
                          out);
    *out = uv_buf_init((char *)w->u.io.data + w->u.io.done,
                       left < PART_MAX ? (unsigned)left : PART_MAX);
    return 1;
}

void
bide__write_copy(const bide_wait *w, char *to, size_t n)
{
    bide_wait at = *w;
    uv_buf_t parts[BIDE__VECTOR];
    while (n) {
        unsigned count = bide__write_slice(&at, parts);
        for (unsigned i = 0; i < count && n; i++) {
            size_t part = parts[i].len < n ? parts[i].len : n;
            memcpy(to, parts[i].base, part);
            to += part;
            n -= part;
            at.u.io.done += part;
        }
    }
}
