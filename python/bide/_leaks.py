"""What a run leaves behind: tasks, jobs, I/O objects, descriptors, objects."""

from __future__ import annotations

import gc
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from . import _core

_T = TypeVar("_T")

_KINDS = (
    _core.Barrier,
    _core.Channel,
    _core.Condition,
    _core.Event,
    _core.Future,
    _core.Listener,
    _core.Mutex,
    _core.RwLock,
    _core.Semaphore,
    _core.Stream,
    _core.Task,
)
_IO = (_core.Listener, _core.Stream)
_MOST = 20


class LeakError(AssertionError):
    """Something was left when a test had ended; the message lists it."""


def check(
    main: Callable[[], Awaitable[_T]],
    run: Callable[[Callable[[], Awaitable[_T]]], _T],
) -> _T:
    """Runs `main` by `run`; LeakError for what is left afterwards. An error of
    `main` itself comes first."""
    found: list[str] = []
    # As the run begins: what the first run of a process opens for good is there.
    descriptors: dict[int, str] = {}

    async def watched() -> _T:
        descriptors.update(_descriptors())
        result = await main()
        found.extend(_left_running())
        return result

    gc.collect()
    objects = _objects()
    result = run(watched)
    gc.collect()
    found.extend(_new_objects(objects, result))
    found.extend(_new_descriptors(descriptors))
    if found:
        raise LeakError("left behind:\n" + "\n".join(f"  {x}" for x in found))
    return result


# -- while the loop still runs -------------------------------------------------


def _left_running() -> list[str]:
    own = _core.current_task()
    lines = [_about(t) for t in _core._tasks() if t is not own]
    handles, jobs = _core._open_objects()
    opened = [o for o in gc.get_objects() if isinstance(o, _IO) and not o.closed]
    lines += [f"{o!r} is open" for o in opened]
    if handles > len(opened):
        lines.append(f"{handles - len(opened)} more I/O objects are open")
    if jobs:
        lines.append(f"{jobs} jobs of spawn_blocking() are running")
    return lines


def _about(task: _core.Task[object]) -> str:
    where = _core._task_where(task)
    return f"task {task.name!r} is not done" + (f": {where}" if where else "")


# -- before and after ----------------------------------------------------------


def _objects() -> set[int]:
    return {id(o) for o in gc.get_objects() if isinstance(o, _KINDS)}


def _new_objects(before: set[int], result: object) -> Iterable[str]:
    new = [
        o
        for o in gc.get_objects()
        if isinstance(o, _KINDS) and id(o) not in before and o is not result
    ]
    for o in new[:_MOST]:
        yield f"{o!r} is still referred to"
    if len(new) > _MOST:
        yield f"... and {len(new) - _MOST} more"


def _descriptors() -> dict[int, str]:
    """Open descriptors and what they are, where the system tells."""
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    found = {}
    for name in os.listdir(folder):
        try:
            found[int(name)] = os.readlink(f"{folder}/{name}")
        except OSError:
            continue  # the one that listed the directory
    return found


def _new_descriptors(before: dict[int, str]) -> Iterable[str]:
    for fd, what in sorted(_descriptors().items()):
        if before.get(fd) != what:
            yield f"descriptor {fd} is open: {what}"
