/* Dumps on a signal of the process. */
#ifndef BIDE_DUMP_SIGNAL_H
#define BIDE_DUMP_SIGNAL_H

/** Does what BIDE_DUMP_SIGNAL of the environment asks for; once a process. */
void bide__dump_signal_from_environment(void);

#endif
