"""What the C half calls where speed does not matter."""

from __future__ import annotations

import sys
from asyncio import base_events, events, format_helpers
from asyncio.log import logger
from inspect import signature
from traceback import StackSummary
from typing import TYPE_CHECKING, Any

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


def run_foreign(loop: EventLoop, handle: events.Handle) -> None:
    """Runs a handle that somebody else made."""
    if handle._cancelled:
        return
    if loop.get_debug():
        run_debug(loop, handle)
    else:
        handle._run()
