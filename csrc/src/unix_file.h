/* The file of a listening Unix socket: made, replaced when stale, removed. */
#ifndef BIDE_UNIX_FILE_H
#define BIDE_UNIX_FILE_H

#include <sys/stat.h>

#include "address.h"

/** Zeroed: none, as of an abstract name. */
typedef struct bide__unix_file {
    char path[sizeof((bide__sockaddr *)NULL)->local.sun_path];
    dev_t device;
    ino_t inode;
} bide__unix_file;

/** Binds `fd`; the file, if there is one, is `out`. A file whose socket nobody
 * listens on is replaced. `mode` 0: as the umask has it. */
int bide__unix_bind(int fd, const char *path, int mode, bide__unix_file *out);

/** Removes the file, unless another one has taken its place. */
void bide__unix_remove(bide__unix_file *f);

#endif
