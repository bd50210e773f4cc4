"""Tools for tests of programs that use bide.

    from bide import testing

    async def test():
        async with bide.TaskGroup() as tg:
            tg.spawn(server())
            await testing.wait_all_parked()     # it has got as far as it can
            with testing.elapsed() as t:
                await client()
        assert t.seconds == 5                   # of virtual time

    testing.run(test, leaks=True)
    testing.explore(test, seeds=100)

For pytest there is a plugin: see bide.pytest_plugin.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from . import _core
from ._core import wait_all_parked
from ._leaks import LeakError, check

__all__ = [
    "LeakError",
    "MockClock",
    "Stopwatch",
    "advance",
    "elapsed",
    "explore",
    "run",
    "wait_all_parked",
]

_T = TypeVar("_T")


def run(
    test: Callable[[], Awaitable[_T]],
    /,
    *,
    seed: int = 0,
    virtual_time: bool = True,
    timeout: float | None = None,
    leaks: bool = False,
    debug: bool = False,
) -> _T:
    """Run an async function, by default on a virtual clock, which jumps to the
    next deadline when every task waits.

    seed     not 0: ready tasks run in an order drawn from it; a failure then
             tells it in a note
    timeout  seconds, of the clock used, until TimeoutError
    leaks    raise LeakError for what is left when the function has ended
    """

    async def main() -> _T:
        with _core.timeout(timeout):
            result = await test()
        return result

    def go(main: Callable[[], Awaitable[_T]]) -> _T:
        return _core.run(
            main(), seed=seed, virtual_clock=virtual_time, debug=debug
        )

    try:
        return check(main, go) if leaks else go(main)
    except BaseException as error:
        if seed:
            error.add_note(f"bide: the order of tasks was that of seed {seed}")
        raise


def explore(
    test: Callable[[], Awaitable[object]],
    /,
    *,
    seeds: int = 100,
    start: int | None = None,
    virtual_time: bool = True,
    timeout: float | None = None,
    leaks: bool = False,
    debug: bool = False,
) -> None:
    """Run an async function once for each of many orders of its tasks, until it
    fails: with the seeds from `start` on, by default a random one. The failure
    tells the seed, with which run() repeats it.
    """
    first = random.randrange(1, 2**32) if start is None else start
    for seed in range(first, first + seeds):
        run(
            test,
            seed=seed,
            virtual_time=virtual_time,
            timeout=timeout,
            leaks=leaks,
            debug=debug,
        )


# -- time ----------------------------------------------------------------------


class Stopwatch:
    """What elapsed() gives: `seconds` between its begin and its end, or now."""

    def __init__(self) -> None:
        self._begin = _core.now()
        self._end: float | None = None

    @property
    def seconds(self) -> float:
        # The clock counts nanoseconds; a difference of floats has more digits.
        end = _core.now() if self._end is None else self._end
        return round(end - self._begin, 9)

    def _stop(self) -> None:
        self._end = _core.now()


@contextmanager
def elapsed() -> Iterator[Stopwatch]:
    """Measures a block in seconds of the clock in use."""
    watch = Stopwatch()
    try:
        yield watch
    finally:
        watch._stop()


async def advance(seconds: float) -> None:
    """Lets virtual time pass: what falls due meanwhile happens in its order, and
    when this returns, all of it has run as far as it can.
    """
    await _core.sleep(seconds)
    await wait_all_parked()


class MockClock:
    """The virtual clock under the names that users of trio know.

    It jumps by itself when every task waits (trio's autojump_threshold = 0).
    """

    def current_time(self) -> float:
        return _core.now()

    async def jump(self, seconds: float) -> None:
        """As advance()."""
        if seconds < 0:
            raise ValueError("time cannot go backwards")
        await advance(seconds)
