/* What files ask of the system, in calls that may block: for threads of the
 * pool; and the few that do not block because the answer is in memory. */
#ifndef BIDE_DISK_H
#define BIDE_DISK_H

#include <sys/stat.h>

#include "bide.h"

enum {
    BIDE__DISK_READ,
    BIDE__DISK_WRITE,
    BIDE__DISK_END, /* where the file ends */
    BIDE__DISK_TRUNCATE,
    BIDE__DISK_SYNC,
    BIDE__DISK_SYNC_DATA,
    BIDE__DISK_STAT,
    BIDE__DISK_CLOSE
};

/** One call, its arguments and its result. */
typedef struct bide__disk {
    int code, fd;
    bool placed; /* at `offset`; else where the system's position is */
    int64_t offset;
    char *block; /* read into, or written from; of STAT a bide_stat */
    size_t len;
    size_t done; /* bytes, also when an error came after them */
    int64_t end; /* of END, and where a write without a place has ended */
    int status;
} bide__disk;

void bide__disk_run(bide__disk *d);

/** What can be told about a descriptor that was opened. */
typedef struct bide__opened {
    int fd;
    bool placed; /* it has positions: a file, or a block device */
    bool append;
    bool local; /* reading what is in memory does not block; nor does closing
                   what was not written */
    int64_t position;
} bide__opened;

/** open(2) as bide_file_open says: 0 or an error. */
int bide__disk_open(const char *path, int flags, int mode, bide__opened *out);

/** The same if it needs no disk: else UV_EAGAIN. */
int bide__disk_open_cached(const char *path, int flags, bide__opened *out);

/** Looks at a descriptor that was opened elsewhere. */
int bide__disk_look(int fd, bide__opened *out);

/** Reads what the system has in memory: bytes, 0 at the end of the file,
 * UV_EAGAIN when it cannot tell without the disk, or another error. */
int64_t bide__disk_read_cached(int fd, void *block, size_t len, int64_t offset);

void bide__disk_stat(const struct stat *from, bide_stat *to);

#endif
