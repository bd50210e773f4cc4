"""The pytest plugin: async tests and async fixtures run on bide.

    @pytest.mark.bide(virtual_time=True, seed=7, timeout=10, leaks=True)
    async def test_transfer(server): ...

    @pytest.fixture
    async def server():
        async with ... as s:
            yield s

A test and its async fixtures are one run: fixtures are set up in it before the
test and torn down after it, in reverse. `seeds=100` runs all of that once for
each of so many orders of the tasks, until one fails.

    bide_mode = auto        in the ini file: every async test is a test of bide
    --bide-seed=7           the order of tasks, for all of them
    --bide-seeds=100        so many orders
"""

from __future__ import annotations

import inspect
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import pytest

_OPTIONS = {"virtual_time", "seed", "seeds", "timeout", "leaks", "debug"}
_MARK = (
    "bide(virtual_time=True, seed=0, seeds=1, timeout=None, leaks=False, "
    "debug=False): run this async test, and its async fixtures, on bide."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bide")
    group.addoption(
        "--bide-seed",
        type=int,
        metavar="N",
        help="run ready tasks in the order that this seed gives",
    )
    group.addoption(
        "--bide-seeds",
        type=int,
        metavar="N",
        help="run each test of bide in so many orders, until it fails",
    )
    parser.addini(
        "bide_mode",
        "auto: every async test is one of bide's; strict (default): those "
        "marked bide",
        default="strict",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARK)
    mode = config.getini("bide_mode")
    if mode not in ("auto", "strict"):
        raise pytest.UsageError(f"bide_mode must be auto or strict, not {mode}")


def _is_ours(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function):
        return False
    if not inspect.iscoroutinefunction(item.obj):
        return False
    if item.get_closest_marker("bide") is not None:
        return True
    others = ("asyncio", "trio", "anyio")
    return item.config.getini("bide_mode") == "auto" and not any(
        item.get_closest_marker(name) for name in others
    )


def _options(item: pytest.Item) -> dict[str, Any]:
    """Those of the marks, the closest one first."""
    found: dict[str, Any] = {}
    for mark in item.iter_markers("bide"):
        if mark.args or mark.kwargs.keys() - _OPTIONS:
            raise pytest.UsageError(
                f"{item.nodeid}: the mark is {_MARK.split(':')[0]}"
            )
        found = {**mark.kwargs, **found}
    seed = item.config.getoption("--bide-seed")
    seeds = item.config.getoption("--bide-seeds")
    if seed is not None:
        found.update(seed=seed, seeds=1)
    elif seeds is not None:
        found["seeds"] = seeds
    return found


# -- fixtures ------------------------------------------------------------------


class _Fixture:
    """An async fixture that its test's run will set up."""

    def __init__(
        self, function: Callable[..., Any], arguments: dict[str, Any]
    ) -> None:
        self.function = function
        self.arguments = arguments


class _Setup:
    """The async fixtures of one run, each set up once."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.stack = stack
        self.values: dict[_Fixture, Any] = {}

    async def value(self, of: Any) -> Any:
        if not isinstance(of, _Fixture):
            return of
        if of not in self.values:
            self.values[of] = await self.make(of)
        return self.values[of]

    async def make(self, fixture: _Fixture) -> Any:
        arguments = await self.all(fixture.arguments)
        if not inspect.isasyncgenfunction(fixture.function):
            return await fixture.function(**arguments)
        block = asynccontextmanager(fixture.function)(**arguments)
        return await self.stack.enter_async_context(block)

    async def all(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {name: await self.value(v) for name, v in arguments.items()}


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(
        function
    )


def _bound(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Callable[..., Any]:
    """The function of a fixture; of the test's own object if it is a method."""
    function: Any = fixturedef.func
    owner = getattr(function, "__self__", None)
    if owner is not None and isinstance(request.instance, type(owner)):
        function = function.__func__.__get__(request.instance)
    return cast(Callable[..., Any], function)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> object | None:
    arguments = {n: request.getfixturevalue(n) for n in fixturedef.argnames}
    function = cast(Callable[..., Any], fixturedef.func)
    if not _is_async(function):
        for name, value in arguments.items():
            if isinstance(value, _Fixture):
                pytest.fail(
                    f"the fixture {fixturedef.argname!r} is not async, and uses "
                    f"{name!r}, which is: make it an async function, too",
                    pytrace=False,
                )
        return None
    if request.scope != "function" or not _is_ours(request.node):
        return None
    value = _Fixture(_bound(fixturedef, request), arguments)
    key = fixturedef.cache_key(cast(Any, request))
    fixturedef.cached_result = (value, key, None)
    return value


# -- tests ---------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not _is_ours(pyfuncitem):
        return None
    from bide import testing

    options = _options(pyfuncitem)
    seeds = options.pop("seeds", 1)
    names = pyfuncitem._fixtureinfo.argnames

    async def test() -> None:
        async with AsyncExitStack() as stack:
            values = await _Setup(stack).all(pyfuncitem.funcargs)
            await pyfuncitem.obj(**{name: values[name] for name in names})

    seed = options.pop("seed", 0)
    if seeds > 1:
        seed = seed or random.randrange(1, 2**32)
    for number in range(seed, seed + max(seeds, 1)):
        try:
            testing.run(test, seed=number, **options)
        except BaseException as error:
            if number:
                error.add_note(
                    f"bide: --bide-seed={number} runs this order again"
                )
            raise
    return True


@pytest.fixture
def bide_clock() -> Any:
    """A bide.testing.MockClock: of the run's virtual time."""
    from bide import testing

    return testing.MockClock()
