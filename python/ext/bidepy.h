/* bidepy.h - what the files of the Python binding share.
 *
 * State      Nothing is static: every interpreter has a bidepy_state of its
 *            own, and each object of the binding points at it (BIDEPY_HEAD).
 *            The state is counted by those objects, so that one dying after
 *            its module, as happens when an interpreter ends, is safe.
 *
 * Types      Heap types, immutable, final, collected. bidepy_alloc makes an
 *            object, bidepy_free ends one; a type that is made and dropped on
 *            a hot path keeps a bidepy_pool of dead ones in the state.
 *
 * Waiting    Every awaitable is a bidepy_op: a wait node, what it waits on,
 *            and a kind that starts and finishes it.
 *
 * References Comments say "new", "borrowed" or "steals". Core objects keep
 *            Python values as bide_value: one reference each.
 */
#ifndef BIDEPY_H
#define BIDEPY_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <string.h>

#include <bide.h>

/* -- the tables: one row per type, function list or exception ------------- */

/** X(field, public): a type, `st->type.field`, made of the PyType_Spec its file
 * defines (bidepy_<field>_spec), and whether the module shows it. */
#define BIDEPY_TYPES(X)                                                        \
    X(op, 1)                                                                   \
    X(bound, 0)                                                                \
    X(special, 0)                                                              \
    X(done, 0)                                                                 \
    X(runtime, 0)                                                              \
    X(loop, 1)                                                                 \
    X(proxy, 0)                                                                \
    X(task, 1)                                                                 \
    X(scope, 1)                                                                \
    X(token, 1)                                                                \
    X(future, 1)                                                               \
    X(group, 1)                                                                \
    X(mutex, 1)                                                                \
    X(semaphore, 1)                                                            \
    X(rwlock, 1)                                                               \
    X(rwlock_guard, 0)                                                         \
    X(event, 1)                                                                \
    X(condition, 1)                                                            \
    X(barrier, 1)                                                              \
    X(channel, 1)                                                              \
    X(channel_iterator, 0)                                                     \
    X(stream, 1)                                                               \
    X(udp, 1)                                                                  \
    X(lines, 0)                                                                \
    X(listener, 1)                                                             \
    X(interval, 1)                                                             \
    X(signals, 1)                                                              \
    X(window, 0)                                                               \
    X(file, 1)                                                                 \
    X(changes, 1)                                                              \
    X(tls_stream, 1)                                                           \
    X(process, 1)                                                              \
    X(ssl_base, 1)                                                             \
    X(stream_call, 0)

/** X(file): module functions, `PyMethodDef bidepy_<file>_functions[]`, called
 * with the module as self (bidepy_of_module). */
#define BIDEPY_FUNCTIONS(X)                                                    \
    X(run)                                                                     \
    X(view)                                                                    \
    X(time)                                                                    \
    X(testing)                                                                 \
    X(task)                                                                    \
    X(scope)                                                                   \
    X(gather)                                                                  \
    X(blocking)                                                                \
    X(tcp)                                                                     \
    X(udp)                                                                     \
    X(unix)                                                                    \
    X(stdio)                                                                   \
    X(tls)                                                                     \
    X(readiness)                                                               \
    X(resolve)                                                                 \
    X(interval)                                                                \
    X(signal)                                                                  \
    X(file)                                                                    \
    X(changes)                                                                 \
    X(inspect)                                                                 \
    X(dump)                                                                    \
    X(stats)                                                                   \
    X(spawn_process)                                                           \
    X(fs)                                                                      \
    X(net)

/** X(field, Name, base, doc): exceptions the binding defines. */
#define BIDEPY_EXCEPTIONS(X)                                                   \
    X(deadlock, "DeadlockError", RuntimeError,                                 \
      "Waiting here would never end; the message names who waits for what.")   \
    X(closed, "ClosedError", RuntimeError,                                     \
      "The channel, stream or listener is closed.")                            \
    X(broken, "BrokenError", RuntimeError,                                     \
      "A lock whose holder ended without unlocking, or an aborted barrier.")   \
    X(not_owner, "NotOwnerError", RuntimeError,                                \
      "The calling task does not hold the lock.")                              \
    X(wrong_runtime, "WrongRuntimeError", RuntimeError,                        \
      "The object belongs to the runtime of another thread or run.")           \
    X(no_runtime, "NoRuntimeError", RuntimeError,                              \
      "No runtime runs on this thread; see bide.run().")                       \
    X(busy, "BusyError", RuntimeError, "Another task is already doing this.")  \
    X(would_block, "WouldBlockError", RuntimeError,                            \
      "The operation would have to wait.")

/* -- the parts: included with this header, in this order ------------------- */

#include "state.h"
#include "convert.h"
#include "errors.h"
#include "frames.h"
#include "runtime.h"
#include "op.h"
#include "task.h"
#include "future.h"

#endif
