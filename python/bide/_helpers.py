"""What the extension's types have in Python: loops around their operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from . import _core
from ._core import (
    CancelToken,
    Condition,
    Listener,
    Semaphore,
    Signals,
    Stream,
)

_T = TypeVar("_T")
_Handler = Callable[[Stream], Awaitable[object]]


@dataclass(frozen=True)
class BlockedStep:
    """What the watchdog saw: a step that ran too long without waiting.

    task     its name, or None
    site     "file:line" where the task was made, or None
    seconds  how long it had lasted by then
    nth      report of this block, from 1
    missed   reports left out before this one, as there were too many
    trace    the frames, innermost first, or None
    text     all of it, as it was printed
    """

    task: str | None
    site: str | None
    seconds: float
    nth: int
    missed: int
    trace: str | None
    text: str


@dataclass(frozen=True)
class Report:
    """What a runtime noticed of itself, handed to `on_report` of run().

    kind     "slow_lock": a lock was held, or waited for, too long; or "stall":
             every task waits, and only another thread can wake one; or
             "forgotten": the failure of a task or future in C
    text     all of it, as it was printed
    lock     of a slow lock: its type, name, and where it was made
    holder   the task that holds it, and where that waits, if it does; or None
    waiter   the task that has waited for it longest; or None
    held     seconds for which it has been held
    waited   seconds for which the waiter has waited; of a stall: all tasks
    missed   reports left out before this one, as there were too many
    """

    kind: str
    text: str
    lock: str | None
    holder: str | None
    waiter: str | None
    held: float
    waited: float
    missed: int


async def wait_for(condition: Condition, predicate: Callable[[], _T]) -> _T:
    """Condition.wait_for()."""
    while not (result := predicate()):
        await condition.wait()
    return result


async def serve(
    listener: Listener,
    handler: _Handler,
    limit: int | None,
    token: CancelToken | None,
    drain: float | None,
    signals: Iterable[int] | None,
) -> None:
    """Listener.serve()."""
    slots = None if limit is None else _core.Semaphore(limit)
    serving = _Serving(listener, handler, slots, drain)
    signums = () if signals is None else tuple(signals)
    if token is None:
        await serving.run(signums)
    else:
        with token:
            await serving.run(signums)


async def serve_all(
    *pairs: tuple[Any, Callable[[Any], Awaitable[object]]],
    signals: Iterable[int] | None = (),
    drain: float | None = None,
    limit: int | None = None,
    token: CancelToken | None = None,
) -> None:
    """Serve several listeners, pairs (listener, handler), until all of them are
    closed.

        await bide.serve((http, on_http), (admin, on_admin),
                         signals=(SIGINT, SIGTERM), drain=10)

    The options are those of Listener.serve(): the first of the signals closes
    all listeners, and the handlers get `drain` seconds; a second one cancels
    them. `limit` is for each listener. When one of them fails the others are
    cancelled, and it is an ExceptionGroup. TLSListeners are fine.
    """
    if not pairs:
        raise TypeError("serve() needs at least one pair (listener, handler)")
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2
                and hasattr(pair[0], "serve") and callable(pair[1])):
            raise TypeError(f"a pair (listener, handler) is needed, not {pair!r}")
    signums = () if signals is None else tuple(signals)
    with _core.move_on_after(None) if token is None else token:
        async with _core.TaskGroup() as group:
            for listener, handler in pairs:
                group.spawn(listener.serve(
                    handler, limit=limit, drain=drain, signals=signums
                ))


class _Serving:
    """One serve(): it accepts until the listener is closed, then drains."""

    def __init__(
        self,
        listener: Listener,
        handler: _Handler,
        slots: Semaphore | None,
        drain: float | None,
    ) -> None:
        self.listener = listener
        self.handler = handler
        self.slots = slots
        self.drain = drain
        self.work = _core.move_on_after(None)

    async def run(self, signums: tuple[int, ...]) -> None:
        with self.work:
            if not signums:
                await self.accept_all()
                return
            with _core.signals(*signums) as caught:
                async with _core.TaskGroup() as group:
                    watch = group.spawn(self.stop_at_signal(caught))
                    await self.accept_all()
                    watch.cancel()

    async def stop_at_signal(self, caught: Signals) -> None:
        await caught.wait()
        self.listener.close()
        self.begin_drain()
        await caught.wait()
        self.work.cancel()

    def begin_drain(self) -> None:
        if self.drain is not None and self.work.when() is None:
            self.work.reschedule(_core.now() + self.drain)

    async def accept_all(self) -> None:
        async with _core.TaskGroup() as group:
            while True:
                if self.slots is not None:
                    await self.slots.acquire()
                stream = await _accept(self.listener)
                if stream is None:
                    break
                group.spawn(_handle(stream, self.handler, self.slots))
            self.begin_drain()


async def _accept(listener: Listener) -> Stream | None:
    """A connection, or None when the listener is closed."""
    try:
        return await listener.__anext__()
    except StopAsyncIteration:
        return None


async def _handle(
    stream: Stream, handler: _Handler, slots: Semaphore | None
) -> None:
    try:
        await handler(stream)
    except Exception as error:
        if not is_lost(stream, error):
            _core._report(error, "in a handler of Listener.serve()", handler)
    finally:
        stream.close()
        if slots is not None:
            slots.release()


def is_lost(stream: Stream, error: BaseException) -> bool:
    """Whether the peer or the network ended the connection, and nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_lost(stream, part) for part in error.exceptions)
    return _core._lost(stream, error)
