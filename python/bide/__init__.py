"""bide: an async runtime in C.

    import bide

    async def main():
        async with bide.TaskGroup() as tg:
            tg.spawn(work(1), name="work-1")
        with bide.timeout(1.5):
            await bide.sleep(0.1)

    bide.run(main())

Names and exceptions follow asyncio where it has them. Times are in seconds.
An operation that is cancelled did not happen: nothing was taken, sent or lost.
"""

from bide._core import (
    Barrier,
    BrokenError,
    BusyError,
    Cancelled,
    CancelToken,
    Channel,
    ClosedError,
    Condition,
    DeadlockError,
    Event,
    Future,
    IncompleteReadError,
    InvalidStateError,
    LimitOverrunError,
    Listener,
    Mutex,
    NoRuntimeError,
    NotOwnerError,
    Operation,
    RwLock,
    Scope,
    Semaphore,
    Stream,
    StreamClosedError,
    Task,
    TaskGroup,
    WouldBlockError,
    WrongRuntimeError,
    __version__,
    connect_tcp,
    current_task,
    current_token,
    gather,
    listen_tcp,
    move_on_after,
    now,
    race,
    run,
    shield,
    sleep,
    sleep_until,
    spawn,
    spawn_blocking,
    spawn_thread,
    timeout,
    timeout_at,
    yield_now,
)

CancelledError = Cancelled

__all__ = [
    "Barrier",
    "BrokenError",
    "BusyError",
    "CancelToken",
    "Cancelled",
    "CancelledError",
    "Channel",
    "ClosedError",
    "Condition",
    "DeadlockError",
    "Event",
    "Future",
    "IncompleteReadError",
    "InvalidStateError",
    "LimitOverrunError",
    "Listener",
    "Mutex",
    "NoRuntimeError",
    "NotOwnerError",
    "Operation",
    "RwLock",
    "Scope",
    "Semaphore",
    "Stream",
    "StreamClosedError",
    "Task",
    "TaskGroup",
    "WouldBlockError",
    "WrongRuntimeError",
    "__version__",
    "connect_tcp",
    "current_task",
    "current_token",
    "gather",
    "listen_tcp",
    "move_on_after",
    "now",
    "race",
    "run",
    "shield",
    "sleep",
    "sleep_until",
    "spawn",
    "spawn_blocking",
    "spawn_thread",
    "timeout",
    "timeout_at",
    "yield_now",
]
