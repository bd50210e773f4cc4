"""Locks of threading that are held while a task waits: in debug runs.

The task that waits lets others run on the same thread; the first of them that
wants the lock blocks the thread, and with it the task that would release it.

While a debug run is on, threading.Lock and threading.RLock make locks that note
who took them where. Those made before are as they were.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import warnings
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from . import _core

_plain_lock = threading.Lock
_plain_rlock: Callable[[], Any] = threading.RLock
_runs = 0

# What is held now, of all threads that run tasks, in the order of taking. The
# extension looks whether this is empty when a task parks. Threads add and take
# out in single steps.
held: dict[_Taken, None] = {}


class _Taken:
    """One acquisition by one task."""

    def __init__(self, lock: _Traced, task: object, frame: FrameType) -> None:
        self.lock = lock
        self.task = task
        self.thread = threading.get_ident()
        self.file = frame.f_code.co_filename
        self.line = frame.f_lineno
        self.reported = False


def _here() -> object:
    """The task that runs on this thread, of either kind, or None."""
    task: object = _core.current_task()
    if task is None:
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return None
    return task


def _caller() -> FrameType:
    """The innermost frame outside of this file and threading's."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename in _OWN:
        frame = frame.f_back
    return frame


_OWN = {__file__, threading.__file__}


class _Traced:
    """A lock that notes who took it."""

    kind = "Lock"

    def __init__(self) -> None:
        self._lock: Any = _plain_lock()
        # One for each acquisition that is not released; None: by no task. Only
        # who has the lock touches it.
        self._taken: list[_Taken | None] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        taken: bool = self._lock.acquire(blocking, timeout)
        if taken:
            note = None
            if _runs and (task := _here()) is not None:
                note = _Taken(self, task, _caller())
                held[note] = None
            self._taken.append(note)
        return taken

    def release(self) -> None:
        notes = self._taken[-1:]
        del self._taken[-1:]
        try:
            self._lock.release()
        except RuntimeError:  # it was not ours
            self._taken += notes
            raise
        for note in notes:
            if note is not None:
                held.pop(note, None)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def __getattr__(self, name: str) -> Any:
        # locked(), and what threading.Condition looks for.
        return getattr(self._lock, name)

    def __repr__(self) -> str:
        return repr(self._lock)


class _TracedR(_Traced):
    kind = "RLock"

    def __init__(self) -> None:
        super().__init__()
        self._lock = _plain_rlock()


def begin() -> None:
    """A debug run begins: from now on locks are traced."""
    global _runs
    _runs += 1
    if _runs == 1:
        _patch(_Traced, _TracedR)


def end() -> None:
    """It is over; the last one puts back what was there before."""
    global _runs
    _runs -= 1
    if _runs == 0:
        held.clear()
        now = vars(threading)
        if now["Lock"] is _Traced and now["RLock"] is _TracedR:
            _patch(_plain_lock, _plain_rlock)


def _patch(lock: Callable[[], Any], rlock: Callable[[], Any]) -> None:
    # Both are names that programs may rebind, whatever their types say.
    vars(threading).update(Lock=lock, RLock=rlock)


def parked(task: object, name: str, where: str) -> None:
    """A task waits: a warning for each lock that it holds."""
    for taken in list(held):
        if taken.task is not task or taken.reported:
            continue
        taken.reported = True
        warnings.warn_explicit(
            f"task {name!r} waits at {where or 'an unknown place'} while it "
            f"holds the threading.{taken.lock.kind} taken at "
            f"{taken.file}:{taken.line}: whoever wants it next blocks the "
            "loop; use a bide.Mutex, or release it before",
            RuntimeWarning,
            taken.file,
            taken.line,
        )
