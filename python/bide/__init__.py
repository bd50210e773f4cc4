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

from typing import TYPE_CHECKING

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
    File,
    Future,
    IncompleteReadError,
    Interval,
    InvalidStateError,
    LimitOverrunError,
    Listener,
    Mutex,
    NoRuntimeError,
    NotOwnerError,
    Operation,
    Process,
    RwLock,
    Scope,
    Semaphore,
    Signals,
    Stream,
    StreamClosedError,
    Task,
    TaskGroup,
    TLSStream,
    UdpSocket,
    WouldBlockError,
    WrongRuntimeError,
    __version__,
    bind_udp,
    connect_tcp,
    connect_udp,
    connect_unix,
    current_task,
    current_token,
    dump,
    dump_on_signal,
    inspect,
    gather,
    interval,
    listen_tcp,
    listen_unix,
    move_on_after,
    notify_closing,
    now,
    open_fd,
    race,
    resolve,
    reverse,
    run,
    shield,
    signals,
    sleep,
    sleep_until,
    socketpair,
    spawn,
    spawn_blocking,
    spawn_thread,
    timeout,
    timeout_at,
    wait_readable,
    wait_writable,
    yield_now,
)
from bide import fs
from bide._files import TextFile, open_file
from bide._helpers import BlockedStep
from bide._process import (
    DEVNULL,
    PIPE,
    PTY,
    STDOUT,
    ProcessError,
    ProcessResult,
    communicate,
    open_process,
    run_process,
)
from bide._tls import TLSInfo, TLSListener, connect_tls, listen_tls

if TYPE_CHECKING:
    from bide.aio import (
        EventLoop as EventLoop,
        EventLoopPolicy as EventLoopPolicy,
        install as install,
        new_event_loop as new_event_loop,
    )

CancelledError = Cancelled


def __getattr__(name: str) -> object:
    """asyncio's loop on this reactor comes with its first use."""
    if name in {"EventLoop", "EventLoopPolicy", "install", "new_event_loop"}:
        from bide import aio
        return getattr(aio, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Barrier",
    "BlockedStep",
    "BrokenError",
    "BusyError",
    "CancelToken",
    "Cancelled",
    "CancelledError",
    "Channel",
    "ClosedError",
    "Condition",
    "DEVNULL",
    "DeadlockError",
    "Event",
    "File",
    "Future",
    "IncompleteReadError",
    "Interval",
    "InvalidStateError",
    "LimitOverrunError",
    "Listener",
    "Mutex",
    "NoRuntimeError",
    "NotOwnerError",
    "Operation",
    "PIPE",
    "PTY",
    "Process",
    "ProcessError",
    "ProcessResult",
    "RwLock",
    "Scope",
    "STDOUT",
    "Semaphore",
    "Signals",
    "Stream",
    "StreamClosedError",
    "TLSInfo",
    "TLSListener",
    "TLSStream",
    "Task",
    "TaskGroup",
    "TextFile",
    "UdpSocket",
    "WouldBlockError",
    "WrongRuntimeError",
    "__version__",
    "bind_udp",
    "communicate",
    "connect_tcp",
    "connect_tls",
    "connect_udp",
    "connect_unix",
    "current_task",
    "current_token",
    "dump",
    "dump_on_signal",
    "inspect",
    "fs",
    "gather",
    "interval",
    "listen_tcp",
    "listen_tls",
    "listen_unix",
    "move_on_after",
    "notify_closing",
    "now",
    "open_fd",
    "open_file",
    "open_process",
    "race",
    "resolve",
    "reverse",
    "run",
    "run_process",
    "shield",
    "signals",
    "sleep",
    "sleep_until",
    "socketpair",
    "spawn",
    "spawn_blocking",
    "spawn_thread",
    "timeout",
    "timeout_at",
    "wait_readable",
    "wait_writable",
    "yield_now",
]
