/* Work on several files or whole ones, in calls that block: for threads of the
 * pool. Each answers 0 or an error. */
#ifndef BIDE_TREE_H
#define BIDE_TREE_H

#include <dirent.h>

#include "bide.h"

int bide__tree_remove(const char *path);
int bide__tree_mkdirs(const char *path, int mode);
int bide__tree_copy(const char *from, const char *to);

/** The array of bide_entry and its count. */
int bide__tree_scan(const char *path, void **out, size_t *count);

/** The same, up to `limit` at a time; 0 of them: that was all. On error the
 * next call begins where this one did. */
int bide__tree_open(const char *path, DIR **out);
int bide__tree_next(DIR *d, size_t limit, void **out, size_t *count);

int bide__tree_read(const char *path, void **out, size_t *size);
int bide__tree_write(const char *path, const char *data, size_t len, int how,
                     int mode);

#endif
