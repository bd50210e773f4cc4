"""The event loop's class: what of it is not hot, on asyncio's own methods."""

# mypy: ignore-errors
# It stands on asyncio's own methods, which have no types.
from __future__ import annotations

import asyncio
import selectors
import sys
import threading
import weakref
from asyncio import base_events, events, unix_events
from collections.abc import Coroutine
from typing import Any

from bide._core import BaseLoop
from bide.aio._names import NamesMixin
from bide.aio._signals import SignalsMixin
from bide.aio._transports import TransportsMixin


class SelectorView:
    """What transports of asyncio's ask a loop's selector: what is watched."""

    def __init__(self, loop: BaseLoop) -> None:
        self._loop = weakref.ref(loop)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        loop = self._loop()
        events = loop._watched(fileobj) if loop is not None else 0
        if not events:
            raise KeyError(f"{fileobj!r} is not registered")
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        return selectors.SelectorKey(fileobj, fd, events, None)


class EventLoop(TransportsMixin, BaseLoop, SignalsMixin, NamesMixin,
                unix_events._UnixSelectorEventLoop):
    """An asyncio event loop on bide's reactor."""

    def __init__(self) -> None:
        # Not those of the selector loops: they make a selector and a pipe.
        base_events.BaseEventLoop.__init__(self)
        self._selector = SelectorView(self)
        self._internal_fds = 1  # as its own loops have: what wakes it
        self._ssock = self._csock = None
        self._transports: weakref.WeakValueDictionary[int, Any] = (
            weakref.WeakValueDictionary())
        self._bide_watched = {}
        self._signal_handlers: dict[int, events.Handle] = {}
        self._unix_server_sockets: dict[Any, int] = {}

    def run_forever(self) -> None:
        """Run until stop() is called."""
        self._check_closed()
        self._check_running()
        self._set_coroutine_origin_tracking(self._debug)
        hooks = sys.get_asyncgen_hooks()
        try:
            self._thread_id = threading.get_ident()
            sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook,
                                   finalizer=self._asyncgen_finalizer_hook)
            events._set_running_loop(self)
            self._run()
        finally:
            self._thread_id = None
            events._set_running_loop(None)
            self._set_coroutine_origin_tracking(False)
            sys.set_asyncgen_hooks(*hooks)

    def _enter(self) -> None:
        """A bide.run() begins, whose loop this is."""
        self._thread_id = threading.get_ident()
        self._told_to_end: weakref.WeakSet[Any] = weakref.WeakSet()
        events._set_running_loop(self)
        self._set_coroutine_origin_tracking(self._debug)

    def _finish(self) -> Coroutine[Any, Any, None] | None:
        """At its end: what ends asyncio's tasks and threads, if there are that
        have not been told yet."""
        tasks = asyncio.all_tasks(self).difference(self._told_to_end)
        has_threads = (self._default_executor is not None
                       and not self._executor_shutdown_called)
        return self._end_tasks(tasks) if tasks or has_threads else None

    def _tell_to_end(self, task: asyncio.Task[Any]) -> None:
        self._told_to_end.add(task)
        try:
            task.cancel()
        except RecursionError as exc:
            self.call_exception_handler({
                "message": "a task of asyncio's that waits for itself cannot be "
                           "cancelled at the end of bide.run()",
                "exception": exc,
                "task": task,
            })

    async def _end_tasks(self, tasks: set[asyncio.Task[Any]]) -> None:
        for task in tasks:
            self._tell_to_end(task)
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if not task.cancelled() and task.exception() is not None:
                self.call_exception_handler({
                    "message": "unhandled exception at the end of bide.run()",
                    "exception": task.exception(),
                    "task": task,
                })
        await self.shutdown_default_executor()
        self._default_executor = None

    def _leave(self) -> None:
        self._thread_id = None
        self._bide_watched.clear()
        events._set_running_loop(None)
        self._set_coroutine_origin_tracking(False)
        self._remove_signal_handlers()
        if self._default_executor is not None:
            self._default_executor.shutdown(wait=False)

    async def shutdown_asyncgens(self) -> None:
        """End native tasks and asynchronous generators that are left."""
        tasks = self._native_tasks()
        for task in tasks:
            task.cancel("the loop is ending")
        for task in tasks:
            try:
                await task
            except asyncio.CancelledError:
                if not task.cancelled():
                    raise
            except Exception as exc:
                self.call_exception_handler({
                    "message": "unhandled exception of a native task at the "
                               "end of the loop",
                    "exception": exc,
                })
        await super().shutdown_asyncgens()

    def close(self) -> None:
        """Close the loop, which must not be running."""
        if self.is_running():
            raise RuntimeError("Cannot close a running event loop")
        if self.is_closed():
            return
        base_events.BaseEventLoop.close(self)
        self._selector = None
        self._internal_fds = 0
        self._remove_signal_handlers()
        self._shut()
        self._bide_watched.clear()

    def _write_to_self(self) -> None:
        """A signal's handler appended a callback: that woke the loop."""


def new_event_loop() -> EventLoop:
    """A new asyncio event loop on bide's reactor."""
    return EventLoop()


class EventLoopPolicy(asyncio.DefaultEventLoopPolicy):
    """asyncio's default policy, making loops of bide's."""

    def _loop_factory(self) -> EventLoop:
        return EventLoop()


def install() -> None:
    """Have asyncio make bide's loops from now on, in this process."""
    asyncio.set_event_loop_policy(EventLoopPolicy())
