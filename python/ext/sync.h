/* sync.h - what the types over the core's primitives share: a label, the loop
 * they are bound to, and how to speak of tasks that hold them. */
#ifndef BIDEPY_SYNC_H
#define BIDEPY_SYNC_H

#include "bidepy.h"

/** The head of a primitive's struct. */
#define BIDEPY_PRIMITIVE                                                       \
    BIDEPY_HEAD                                                                \
    bide_loop *loop; /* see bidepy_bind */                                     \
    bidepy_label label;                                                        \
    PyObject *weakrefs;

typedef struct bidepy_primitive {
    BIDEPY_PRIMITIVE
} bidepy_primitive;

typedef struct bidepy_mutex {
    BIDEPY_PRIMITIVE
    bide_mutex *mutex;
} bidepy_mutex;

/** The methods lock() and __aexit__() of a Mutex, for a Condition. */
PyObject *bidepy_mutex_lock(PyObject *self, PyObject *unused);
PyObject *bidepy_mutex_aexit(PyObject *self, PyObject *const *args,
                             Py_ssize_t nargs);

/** A primitive's members, and the `name` row of its getters. */
extern PyMemberDef bidepy_primitive_members[];
#define BIDEPY_PRIMITIVE_NAME                                                  \
    {                                                                          \
        "name", bidepy_primitive_name, NULL,                                   \
            "The name given for reports (str), or None.", NULL                 \
    }

/** New primitive of `type`, all its own fields zero (`size` is the struct's),
 * not tracked yet. */
void *bidepy_primitive_new(PyTypeObject *type, size_t size, PyObject *name);

/** `self`, to which the core has answered `rc`: tracked, or gone and NULL with
 * an exception. */
PyObject *bidepy_primitive_made(void *self, int rc);

/** The beginning of a `tp_dealloc`; the caller then unrefs the core's object
 * and calls bidepy_primitive_free. */
void bidepy_primitive_clear(void *self);
void bidepy_primitive_free(void *self);

int bidepy_primitive_traverse(PyObject *self, visitproc visit, void *arg);
PyObject *bidepy_primitive_name(PyObject *self, void *closure);

/** New str for messages: "Mutex 'cache'", or "Mutex (app.py:12)". NULL with an
 * exception. */
PyObject *bidepy_primitive_title(const void *self);

/** bidepy_bind, with an error that names the primitive, of type `what`. */
int bidepy_primitive_bind(void *self, const char *what);

/** In an operation's start: 0, or BIDE_EHOST with WrongRuntimeError. */
static inline int
bidepy_primitive_enter(bidepy_op *op, const char *what)
{
    bidepy_primitive *self = (bidepy_primitive *)op->owner;
    if (self->loop == op->wait.task->loop)
        return 0;
    return bidepy_primitive_bind(self, what) < 0 ? BIDE_EHOST : 0;
}

/** The running task for a method that needs one; NULL with an exception. Binds
 * the primitive. */
bide_task *bidepy_primitive_task(void *self, const char *what,
                                 const char *method);

/** New: the Task (core state is stable while the caller holds the GIL: the
 * loop lets go of it in the poll only), or None for NULL and for tasks of
 * another language. */
PyObject *bidepy_task_object(bide_task *t);

/** New str: "task 'main-1'", or "no task". NULL with an exception. */
PyObject *bidepy_task_title(bide_task *t);

/** Sets DeadlockError that says who waits for whom. Returns NULL. */
PyObject *bidepy_raise_deadlock(bidepy_op *op);

/** The same into `out`, for a repr: cannot fail. */
void bidepy_task_describe(bide_task *t, char *out, size_t size);

/** New: what `function` of the package's Python half gives for two arguments.
 */
PyObject *bidepy_call_helper(const char *module, const char *function,
                             PyObject *first, PyObject *second);

#endif
