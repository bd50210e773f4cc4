/* support_file.h - a directory of the test's own, and files in it. */
#ifndef BIDE_TEST_SUPPORT_FILE_H
#define BIDE_TEST_SUPPORT_FILE_H

#include "support.h"

/** The path of `name` in the directory; static storage, a few at a time. */
const char *scratch(const char *name);

/** Empties the directory, runs the actor alone on the real clock, and checks
 * that it left no descriptor open. */
void run_actor(actor_body body);

/** Empties and makes the directory. */
void scratch_begin(void);

void put_content(const char *name, const char *data, size_t len);
void check_content(const char *name, const char *data, size_t len);

#endif
