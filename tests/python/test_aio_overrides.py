"""What programs change of an asyncio loop, or of the process that it runs in: the same
holds on asyncio's own and on bide's."""

import asyncio
import logging
import os
import signal
import socket

import pytest

import bide

both = pytest.mark.parametrize("base", [asyncio.SelectorEventLoop, bide.EventLoop])


def run(loop, coro):
    try:
        return loop.run_until_complete(asyncio.wait_for(coro, 60))
    finally:
        loop.close()


# -- subclasses -----------------------------------------------------------------------


@both
def test_call_later_calls_a_subclasss_call_at(base):
    class Loop(base):
        def call_at(self, when, callback, *args, context=None):
            seen.append(args)
            return super().call_at(when, callback, *args, context=context)

        def call_later(self, delay, callback, *args, context=None):
            seen.append(delay)
            return super().call_later(delay, callback, *args, context=context)

    seen = []
    loop = Loop()
    loop.call_later(0, loop.stop)
    loop.call_later(delay=0, callback=int)
    loop.run_forever()
    loop.close()
    assert seen == [0, (), 0, ()]
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(0, print)
    with pytest.raises(TypeError):
        loop.call_later()


@both
@pytest.mark.parametrize("offset", [-1e6, 1e9])
def test_timers_go_by_a_subclasss_time(base, offset):
    class Loop(base):
        def time(self):
            return super().time() + offset

    async def main():
        loop = asyncio.get_running_loop()
        start = loop.time()
        at = loop.call_at(start + 0.002, print, "")
        assert at.when() == start + 0.002
        await asyncio.sleep(0.001)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout_at(loop.time() + 0.001):
                await asyncio.sleep(60)
        assert start < loop.time() < start + 50

    run(Loop(), main())


@both
def test_subclasss_time_that_fails_is_an_error(base):
    class Loop(base):
        def time(self):
            if failing:
                raise ZeroDivisionError
            return super().time()

    loop = Loop()
    failing = [True]
    with pytest.raises(ZeroDivisionError):
        loop.call_later(0, print)
    failing.clear()
    loop.close()


# -- signals --------------------------------------------------------------------------


@pytest.fixture
def wakeup():
    """The two ends of a descriptor that is told of signals."""
    hears, told = socket.socketpair()
    with hears, told:
        hears.setblocking(False)
        told.setblocking(False)
        before = signal.signal(signal.SIGUSR1, lambda *_: None)
        yield hears, told.fileno()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGUSR1, before)


async def get_signal():
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.sleep(0.001)


@pytest.mark.parametrize("runs", [
    lambda coro: run(asyncio.SelectorEventLoop(), coro),
    lambda coro: run(bide.EventLoop(), coro), bide.run])
def test_wakeup_descriptor_of_the_program_hears_of_signals(runs, wakeup):
    hears, told = wakeup
    assert signal.set_wakeup_fd(told) == -1
    runs(get_signal())
    assert hears.recv(10) == bytes([signal.SIGUSR1])
    runs(asyncio.sleep(0))
    with pytest.raises(BlockingIOError):
        hears.recv(10)
    assert signal.set_wakeup_fd(-1) == told


@both
def test_wakeup_descriptor_that_is_set_in_a_run_stays(base, wakeup):
    async def main():
        signal.set_wakeup_fd(told)
        await get_signal()

    hears, told = wakeup
    run(base(), main())
    assert hears.recv(10) == bytes([signal.SIGUSR1])
    assert signal.set_wakeup_fd(-1) == told


# -- debug mode, closed loops ---------------------------------------------------------


def test_debug_mode_reports_slow_steps_after_an_operation(caplog):
    async def work():
        await bide.sleep(0.001)
        loop.slow_callback_duration = 0
        await bide.sleep(0.001)
        loop.slow_callback_duration = 60

    loop = bide.new_event_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 60
    with caplog.at_level(logging.WARNING, "asyncio"):
        run(loop, work())
    assert "Executing <Task" in caplog.text


def test_exit_of_a_step_after_an_operation_ends_the_run_in_debug_mode():
    async def work():
        await bide.sleep(0.001)
        raise KeyboardInterrupt

    loop = bide.new_event_loop()
    loop.set_debug(True)
    with pytest.raises(KeyboardInterrupt):
        run(loop, work())


@both
def test_names_are_refused_by_a_closed_loop(base):
    loop, other = base(), base()
    loop.close()

    async def main():
        for asks in (loop.getaddrinfo("127.0.0.1", 80),
                     loop.getaddrinfo("localhost", 80),
                     loop.getnameinfo(("127.0.0.1", 80))):
            with pytest.raises(RuntimeError, match="Event loop is closed"):
                await asks

    run(other, main())
