"""What asyncio's tasks wait for: for reports of the runtime below them."""

from __future__ import annotations

import asyncio
import os
from types import FrameType
from typing import Any

_MOST = 50
_OWN = os.path.dirname(asyncio.__file__) + os.sep


def lines(loop: asyncio.AbstractEventLoop) -> str:
    """A line for each task of `loop`."""
    tasks = sorted(
        (task for task in asyncio.all_tasks(loop)
         if isinstance(task, asyncio.Task)),
        key=asyncio.Task.get_name)
    text = [_line(task) for task in tasks[:_MOST]]
    if len(tasks) > _MOST:
        text.append(f"  and {len(tasks) - _MOST} more of asyncio\n")
    return "".join(text)


def _line(task: asyncio.Task[Any]) -> str:
    awaited = getattr(task, "_fut_waiter", None)
    if isinstance(awaited, asyncio.Task):
        what = f'asyncio task "{awaited.get_name()}"'
    elif awaited is None:
        what = "its next step"
    elif (operation := getattr(awaited, "_bide_operation", None)) is not None:
        what = operation
    else:
        what = f"asyncio {type(awaited).__name__.lstrip('_').lower()}"
    frame = _innermost(task.get_coro())
    at = (f", at {frame.f_code.co_filename}:{frame.f_lineno} in "
          f"{frame.f_code.co_name}" if frame else "")
    return f'  asyncio task "{task.get_name()}" waits for {what}{at}\n'


def _innermost(awaited: Any) -> FrameType | None:
    """The frame of the last of the coroutines that await each other, before
    those of asyncio itself."""
    frame = None
    while awaited is not None:
        found = next((found for kind in ("cr", "gi", "ag") if (
            found := getattr(awaited, f"{kind}_frame", None))), None)
        if found and not (frame and found.f_code.co_filename.startswith(_OWN)):
            frame = found
        awaited = next(
            (inner for name in ("cr_await", "gi_yieldfrom", "ag_await")
             if (inner := getattr(awaited, name, None)) is not None), None)
    return frame
