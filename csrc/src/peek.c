#define _GNU_SOURCE
#include "peek.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

bool
bide__look(void *to, const void *from, size_t n)
{
    memcpy(to, from, n);
    return true;
}

/* A write from memory that is not there fails with EFAULT. Pieces fit into an
 * empty pipe, so neither call blocks. */
static bool
through_pipe(char *to, const char *from, size_t n)
{
    enum { PIECE = 512 };
    int ends[2];
    if (pipe(ends))
        return false;
    bool ok = true;
    while (n && ok) {
        size_t piece = n < PIECE ? n : PIECE;
        ok = write(ends[1], from, piece) == (ssize_t)piece &&
             read(ends[0], to, piece) == (ssize_t)piece;
        from += piece;
        to += piece;
        n -= piece;
    }
    close(ends[0]);
    close(ends[1]);
    return ok;
}

#if defined(__linux__)
#include <errno.h>
#include <sys/uio.h>

/* A process may always read itself, but a sandbox may forbid the call. */
bool
bide__peek(void *to, const void *from, size_t n)
{
    union {
        const void *in;
        void *out;
    } source = {from};
    struct iovec local = {to, n}, remote = {source.out, n};
    ssize_t got = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    if (got < 0 && (errno == EPERM || errno == ENOSYS))
        return through_pipe(to, from, n);
    return got == (ssize_t)n;
}
#else
bool
bide__peek(void *to, const void *from, size_t n)
{
    return through_pipe(to, from, n);
}
#endif
