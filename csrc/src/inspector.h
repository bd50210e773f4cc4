/* The live view's server: a thread that answers on a loopback port, for
 * browsers, and on a Unix socket, for `top`. */
#ifndef BIDE_INSPECTOR_H
#define BIDE_INSPECTOR_H

/** Starts it when the environment's BIDE_INSPECT says so; once a process. */
void bide__inspector_from_environment(void);

#endif
