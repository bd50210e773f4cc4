/* contexts.h - the contexts that callbacks run in, without a copy for each.
 *
 * Sharing    call_soon() is to run its callback in a copy of the context it was
 *            called in. One copy cannot be told from another before somebody
 *            changes it: so handles share one, the snapshot, while contexts
 *            have the same variables, and nobody changes a snapshot. A callback
 *            runs in the spare: a context with the variables of its snapshot,
 *            which the next one takes if this one left it as it was.
 *
 * Owning     Whoever might see the difference gets a copy of the handle's own:
 *            `_context`, get_context(), handles that others keep.
 *
 * Variables  A context has them in a map that never changes; setting one makes
 *            another map. So one comparison tells whether two contexts have the
 *            same, of a field that CPython does not publish: it is looked for
 *            when the first loop is made, and without it nothing is shared. */
#ifndef BIDEPY_CONTEXTS_H
#define BIDEPY_CONTEXTS_H

#include "aio.h"

/** How a context begins, in CPython 3.11 to 3.13. */
typedef struct bidepy_context_head {
    PyObject_HEAD PyObject *previous;
    const void *variables;
} bidepy_context_head;

static inline const void *
bidepy_variables_of(PyObject *context)
{
    return ((bidepy_context_head *)context)->variables;
}

/** Finds out whether contexts are laid out so. 0, or -1 with an exception. */
int bidepy_contexts_init(bidepy_aio *aio);

/** New: a context with the variables of the current one. `*shared`: it is the
 * snapshot. */
PyObject *bidepy_context_now(bidepy_loop *loop, bool *shared);

/** New: what the callback of a handle that nobody else knows may run in.
 * `*slot`: its snapshot, which may be what it runs in; then `*slot` is NULL. */
PyObject *bidepy_context_take(bidepy_loop *loop, PyObject **slot);

/** The callback has run in `context` (steals it), which had `variables`. */
void bidepy_context_give_back(bidepy_loop *loop, PyObject *context,
                              const void *variables);

/** Nothing is due: the values of variables are not to live for longer. */
void bidepy_contexts_rest(bidepy_loop *loop);

#endif
