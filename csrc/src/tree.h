/* Work on several files or whole ones, in calls that block: for threads of the
 * pool. Each answers 0 or an error. */
#ifndef BIDE_TREE_H
#define BIDE_TREE_H

#include "bide.h"

int bide__tree_remove(const char *path);
int bide__tree_mkdirs(const char *path, int mode);
int bide__tree_copy(const char *from, const char *to);

/** The array of bide_entry and its count. */
int bide__tree_scan(const char *path, void **out, size_t *count);

int bide__tree_read(const char *path, void **out, size_t *size);
int bide__tree_write(const char *path, const char *data, size_t len, int how,
                     int mode);

#endif
