/* support_watch.h - a directory "d" that is watched, and tasks that hear of it.
 */
#ifndef BIDE_TEST_SUPPORT_WATCH_H
#define BIDE_TEST_SUPPORT_WATCH_H

#include "support_file.h"

enum { ALL = 1000 };

/** Of the directory of the test's own. */
void rename_file(const char *from, const char *to);
void make_dir(const char *name);
void remove_file(const char *name);

/** Traces, as "created_a/" or "renamed_a>b", and frees what `a->w` was given.
 */
void trace_changes(actor *a);

/** A task that takes up to `n` changes at once, until the watch ends. */
actor *change_follower(world *wd, const char *name, bide_changes *c, int n);

/** The body of a task that takes one change of `a->arg`. */
void takes_change(actor *a);

/** That of one that makes two directories once the others wait. */
void makes_two(actor *a);

/** A world on the virtual clock with a watch of the new directory "d". */
bide_changes *watch_begin(world *wd);

/** Another watch of it. */
bide_changes *watch_d(world *wd);

/** Closes and lets go. */
void watch_drop(bide_changes *c);

/** Checks what one task is given, `n` at once, and ends the world. */
void watch_expect(world *wd, bide_changes *c, int n, const char *wanted);

#endif
