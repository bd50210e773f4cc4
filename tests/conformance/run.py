"""Runs a module of CPython's own test.test_asyncio on bide's loop, unmodified.

    python run.py [--stock] [--timeout S] MODULE [PATTERN...]

Each test runs in a child process, so that a crash or a hang loses that one only.
Tests that excluded.py lists do not run. The last line is "N passed, N failed".
--stock runs them on asyncio's own loop, for comparison.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import importlib
import os
import select
import signal
import sys
import traceback
import unittest
from collections.abc import Iterator

from excluded import is_excluded, is_repeat

import bide


class Loop(bide.EventLoop):
    """Made as asyncio's own are, with a selector or without."""

    def __init__(self, selector=None) -> None:
        super().__init__()


def make_default(factory) -> None:
    """Has asyncio, and tests that ask for a class, make our loop."""
    policy = asyncio.unix_events._UnixDefaultEventLoopPolicy
    policy._loop_factory = staticmethod(factory)
    asyncio.SelectorEventLoop = asyncio.EventLoop = Loop


def adapt(module, factory) -> None:
    """Test helpers that reach into BaseEventLoop or its selector."""
    from test.test_asyncio import utils

    def close_loop(loop):
        if loop._default_executor is not None and not loop.is_closed():
            loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    def set_up(self):
        utils.TestCase.setUp(self)
        self.loop = factory()
        self.set_event_loop(self.loop)

    utils.TestCase.close_loop = staticmethod(close_loop)
    if hasattr(module, "UnixEventLoopTestsMixin"):
        mixin = module.EventLoopTestsMixin
        module.UnixEventLoopTestsMixin.setUp = mixin.setUp
        module.UnixEventLoopTestsMixin.tearDown = mixin.tearDown
    if hasattr(module, "SubprocessWatcherMixin"):
        module.SubprocessWatcherMixin.setUp = set_up
        module.SubprocessWatcherMixin.tearDown = utils.TestCase.tearDown
    for case in list(vars(module).values()):
        if isinstance(case, type) and issubclass(case, unittest.TestCase) \
                and "create_event_loop" in dir(case):
            case.create_event_loop = lambda self: factory()


def flatten(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def run_here(test: unittest.TestCase) -> str:
    """"" when it passed or was skipped, else what went wrong."""
    result = unittest.TestResult()
    try:
        unittest.TestSuite([test])(result)
    except BaseException:
        return traceback.format_exc()
    problems = result.errors + result.failures
    if not problems and result.unexpectedSuccesses:
        return "an unexpected success"
    return problems[0][1] if problems else ""


def wait_for(reader: int, timeout: float) -> bytes:
    """All that comes until the other end closes, or times out."""
    data = b""
    while select.select([reader], [], [], timeout)[0]:
        chunk = os.read(reader, 65536)
        if not chunk:
            return data
        data += chunk
    return b"no end within the time given"


def run_apart(test: unittest.TestCase, timeout: float) -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        problem = run_here(test)
        os.write(writer, (problem[-4000:] or "passed").encode())
        os._exit(0)
    os.close(writer)
    said = wait_for(reader, timeout).decode(errors="replace")
    os.close(reader)
    try:
        os.killpg(child, signal.SIGKILL)
    except OSError:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if said:
        return "" if said == "passed" else said
    return f"the process died: status {status}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("module")
    parser.add_argument("pattern", nargs="*")
    options = parser.parse_args()
    faulthandler.enable()
    # A shell's background job ignores it, which Python would leave as it is.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not options.stock:
        make_default(bide.new_event_loop)
    module = importlib.import_module(f"test.test_asyncio.{options.module}")
    if not options.stock:
        adapt(module, bide.new_event_loop)
    loader = unittest.TestLoader()
    if options.pattern:
        loader.testNamePatterns = [f"*{word}*" for word in options.pattern]
    passed, failed = 0, 0
    for test in flatten(loader.loadTestsFromModule(module)):
        name = test.id().removeprefix("test.test_asyncio.")
        if is_repeat(name) or (not options.stock and is_excluded(name)):
            continue
        problem = run_apart(test, options.timeout)
        passed += not problem
        failed += bool(problem)
        if problem:
            print(f"FAILED {name}\n{problem}", flush=True)
    print(f"{options.module}: {passed} passed, {failed} failed", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":  # process pools import it once more
    main()
