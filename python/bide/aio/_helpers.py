"""What the C half calls where speed does not matter."""

# mypy: ignore-errors
# It stands on asyncio's own methods, which have no types.
from __future__ import annotations

import sys
from asyncio import base_events, events, format_helpers
from asyncio.log import logger
from collections.abc import Callable
from inspect import signature
from traceback import StackSummary
from typing import TYPE_CHECKING, Any

from bide import _core
from bide.aio._view import TaskView

if TYPE_CHECKING:
    from bide.aio._loop import EventLoop

_TAKES_DEBUG = "debug" in signature(
    format_helpers._format_callback_source).parameters


def origin() -> StackSummary:
    """Where the program asked for a callback."""
    return format_helpers.extract_stack(sys._getframe(1))


def failed(loop: EventLoop, handle: events.Handle, exc: BaseException,
           extra: None) -> None:
    """A callback raised: what asyncio.Handle._run() does then."""
    debug = {"debug": loop.get_debug()} if _TAKES_DEBUG else {}
    callback = format_helpers._format_callback_source(
        handle._callback, handle._args, **debug)
    context: dict[str, Any] = {
        "message": f"Exception in callback {callback}",
        "exception": exc,
        "handle": handle,
    }
    if handle._source_traceback:
        context["source_traceback"] = handle._source_traceback
    loop.call_exception_handler(context)


def complain(loop: EventLoop, message: str | None, exc: BaseException,
             extra: dict[str, Any] | None) -> None:
    loop.call_exception_handler(
        {"message": message, "exception": exc, **(extra or {})})


def run_debug(loop: EventLoop, handle: events.Handle) -> None:
    """Runs a callback; one that is slow is reported."""
    loop._current_handle = handle
    try:
        start = loop.time()
        handle._run()
        took = loop.time() - start
        if took >= loop.slow_callback_duration:
            logger.warning("Executing %s took %.3f seconds",
                           base_events._format_handle(handle), took)
    finally:
        loop._current_handle = None
        handle = None  # not to be in a cycle with an exception's traceback


def run_foreign(loop: EventLoop, handle: events.Handle) -> None:
    """Runs a handle that somebody else made."""
    if handle._cancelled:
        return
    if loop.get_debug():
        run_debug(loop, handle)
    else:
        handle._run()


def view(loop: EventLoop, task: _core.Task[Any]) -> TaskView:
    return TaskView(loop, task)


def by_keyword(method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Calls a method in C, which takes its arguments by position."""
    bound = signature(method).bind(*args, **kwargs)
    return method(*bound.args, **bound.kwargs)
