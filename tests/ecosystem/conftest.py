"""asyncio's ecosystem on bide's loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

import bide
import pytest
from loops import STOCK, new_loop


@pytest.fixture
def run() -> Callable[..., Any]:
    """Runs a coroutine as a program on asyncio would, on the loop under test."""

    def run(main: Coroutine[Any, Any, Any], seconds: float = 60) -> Any:
        async def checked() -> Any:
            loop = asyncio.get_running_loop()
            assert STOCK or isinstance(loop, bide.EventLoop)
            loop.set_exception_handler(lambda _, context: trouble.append(context))
            async with asyncio.timeout(seconds):
                return await main

        trouble: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=new_loop) as runner:
            result = runner.run(checked())
        assert not trouble, trouble
        return result

    return run


@pytest.fixture
def descriptors() -> Callable[[], int]:
    """How many descriptors the process has open."""
    return lambda: len(os.listdir("/proc/self/fd"))
