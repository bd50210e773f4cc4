/* What the live view's server says: just as much of HTTP/1.1 as a browser on
 * the same machine needs. */
#ifndef BIDE_INSPECTOR_ANSWER_H
#define BIDE_INSPECTOR_ANSWER_H

#include <stdbool.h>

/** Reads one request from the connected socket `fd`, which blocks for two
 * seconds at most, and answers it. `token` is what a request has to bring
 * along, NULL: nothing, as only the user's own processes get this far. */
void bide__inspector_answer(int fd, const char *token);

#endif
