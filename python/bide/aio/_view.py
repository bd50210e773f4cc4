"""A native task as asyncio sees it: what asyncio.current_task() gives in one."""

# mypy: ignore-errors
# It stands on asyncio's own methods, which have no types.
from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING, Any

from bide import _core

if TYPE_CHECKING:
    from bide.aio._loop import EventLoop


class TaskView(asyncio.Future[Any]):
    """A future of the native task's outcome, with a task's other methods.

    cancel() is asyncio's: one wait of the task ends with CancelledError. The
    native Task.cancel() holds on until the task has ended.
    """

    # No asyncio task: it has no stand-in in the core (see proxy.c).
    _bide_proxy = None
    _log_destroy_pending = False

    def __init__(self, loop: EventLoop, task: _core.Task[Any]) -> None:
        super().__init__(loop=loop)
        self._task = task
        self._requests = 0

    def __repr__(self) -> str:
        return f"<TaskView of {self._task!r}>"

    def cancel(self, msg: Any | None = None) -> bool:
        """End one wait of the task with CancelledError."""
        if self.done():
            return False
        self._requests += 1
        _core._cancel_once(self._task, msg)
        return True

    def cancelling(self) -> int:
        """How many calls of cancel() uncancel() has not taken back."""
        return self._requests

    def uncancel(self) -> int:
        """Take back one cancel(); how many are left."""
        if self._requests > 0:
            self._requests -= 1
            if self._requests == 0:
                _core._forget_cancel(self._task)
        return self._requests

    @property
    def _must_cancel(self) -> bool:
        return _core._cancel_due(self._task)

    @property
    def _fut_waiter(self) -> Any:
        return None

    def get_coro(self) -> Any:
        return self._task.get_coro()

    def get_context(self) -> Context | None:
        return None

    def get_name(self) -> str:
        return self._task.name

    def set_name(self, value: object, /) -> None:
        self._task.name = str(value)

    def get_stack(self, *, limit: int | None = None) -> list[Any]:
        return []

    def print_stack(self, *, limit: int | None = None,
                    file: Any | None = None) -> None:
        print(repr(self), file=file)

    def set_result(self, result: object, /) -> None:
        raise RuntimeError("Task does not support set_result operation")

    def set_exception(self, exception: object, /) -> None:
        raise RuntimeError("Task does not support set_exception operation")

    def _settle(self, outcome: str, value: Any) -> None:
        """The native task has ended."""
        if outcome == "cancelled":
            super().cancel()
        elif outcome == "failed":
            super().set_exception(value)
            self._log_traceback = False  # the native task reports it
        else:
            super().set_result(value)
