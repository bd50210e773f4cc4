import asyncio
import gc
import sys
import threading
import weakref

import pytest

import bide
from sweep import ModelTest, agrees_with_model, cancel_at_every_park, settle


def run(coro, **options):
    return bide.run(coro, virtual_clock=True, **options)


def test_future_wait_gives_the_value():
    async def main():
        future = bide.Future()

        async def later():
            await bide.sleep(1)
            future.set_result("value")

        task = bide.spawn(later())
        assert not future.done()
        assert await future == "value"
        assert future.done() and not future.cancelled()
        assert future.result() == "value"
        assert future.exception() is None
        await task

    run(main())


def test_future_wait_gives_the_error():
    async def main():
        future = bide.Future()
        error = ValueError("no")
        future.set_exception(error)
        with pytest.raises(ValueError) as info:
            await future
        assert info.value is error
        assert future.exception() is error
        other = bide.Future()
        other.set_exception(KeyError)
        with pytest.raises(KeyError):
            await other

    run(main())


def test_future_already_settled_does_not_wait():
    async def main():
        future = bide.Future()
        future.set_result(3)
        ran = []

        async def other():
            ran.append(1)

        task = bide.spawn(other())
        assert await future == 3
        assert await future == 3
        assert ran == []
        await task

    run(main())


def test_future_settles_once():
    future = bide.Future()
    future.set_result(1)
    for again in (
        lambda: future.set_result(2),
        lambda: future.set_exception(ValueError()),
    ):
        with pytest.raises(bide.InvalidStateError, match="already settled"):
            again()
    assert not future.cancel()
    assert future.result() == 1
    assert bide.InvalidStateError is asyncio.InvalidStateError


def test_future_wakes_its_waiters_in_order():
    async def main():
        future = bide.Future()
        log = []

        async def wait(i):
            log.append((i, await future))

        async with bide.TaskGroup() as tg:
            for i in range(5):
                tg.spawn(wait(i))
            await settle()
            future.set_result("v")
        assert log == [(i, "v") for i in range(5)]

    run(main())


def test_future_cancelled_waiter_leaves_it_pending():
    async def main():
        future = bide.Future()

        async def wait():
            return await future

        first, second = bide.spawn(wait()), bide.spawn(wait())
        await settle()
        first.cancel()
        with pytest.raises(bide.Cancelled):
            await first
        assert not future.done()
        future.set_result(1)
        assert await second == 1

    run(main())


def test_future_settled_from_a_thread():
    async def main():
        future = bide.Future()
        threading.Thread(target=future.set_result, args=(5,)).start()
        assert await future == 5

    bide.run(main())


def test_future_cancel_is_an_outcome():
    async def main():
        future = bide.Future()
        assert future.cancel("why")
        assert future.cancelled() and future.done()
        with pytest.raises(bide.Cancelled, match="why"):
            await future
        with pytest.raises(bide.Cancelled, match="why"):
            future.result()
        with pytest.raises(bide.Cancelled):
            future.exception()

    run(main())


class Hearing:
    """A victim and others wait for one future, which is settled in the end."""

    def __init__(self):
        self.future = bide.Future()
        self.got = []

    async def hear(self):
        self.got.append(await self.future)
        await bide.yield_now()

    async def settle(self):
        for _ in range(3):
            await bide.yield_now()
        self.future.set_result("v")

    def tasks(self):
        return [
            ("before", self.hear()),
            ("victim", self.hear()),
            ("after", self.hear()),
            ("settler", self.settle()),
        ]

    def check(self, outcome):
        assert self.future.result() == "v"
        assert 2 <= len(self.got) <= 3
        if outcome == "done":
            assert len(self.got) == 3


def test_future_cancel_at_every_park():
    cancel_at_every_park(Hearing)


class FutureModel(ModelTest):
    """Futures that are waited for, settled and given up at random."""

    def __init__(self):
        super().__init__()
        self.future = bide.Future()
        self.settled = None
        self.waiting = []

    def step(self, rng):
        draw = rng.below(8)
        if draw < 4:
            self.wait()
        elif draw < 6 and self.waiting:
            number = self.waiting.pop(rng.below(len(self.waiting)))
            self.cancel(number)
        elif draw == 6:
            self.settle_now(rng.below(100))
        else:
            self.future = bide.Future()
            self.settled = None
            for number in self.waiting:
                self.cancel(number)
            self.waiting = []

    def wait(self):
        future = self.future

        async def act(number, release):
            self.log.append((number, await future))

        number = self.start(act)
        if self.settled is None:
            self.waiting.append(number)
        else:
            self.expected.append((number, self.settled))

    def settle_now(self, value):
        if self.settled is not None:
            with pytest.raises(bide.InvalidStateError):
                self.future.set_result(value)
            return
        self.future.set_result(value)
        self.settled = value
        self.expected += [(number, value) for number in self.waiting]
        self.waiting = []

    def compare(self):
        assert self.future.done() == (self.settled is not None)


def test_future_agrees_with_its_model():
    agrees_with_model(FutureModel)


def test_future_pending_has_no_result():
    future = bide.Future(name="f")
    with pytest.raises(bide.InvalidStateError, match="not settled"):
        future.result()
    with pytest.raises(bide.InvalidStateError):
        future.exception()
    assert future.name == "f"
    assert repr(future) == "<Future 'f' pending>"
    future.set_result(1)
    assert repr(future) == "<Future 'f' done>"


def test_result_blocking_waits_in_a_thread():
    async def main():
        future = bide.Future()
        started = threading.Event()

        def wait():
            started.set()
            return future.result_blocking()

        waiting = bide.spawn_blocking(wait)
        await bide.spawn_blocking(started.wait)
        future.set_result("seen")
        assert await waiting == "seen"

    bide.run(main())


def test_result_blocking_times_out():
    future = bide.Future()
    with pytest.raises(TimeoutError):
        future.result_blocking(timeout=0.001)
    with pytest.raises(TimeoutError):
        future.result_blocking(0)
    future.set_exception(ValueError("v"))
    with pytest.raises(ValueError):
        future.result_blocking()


def test_result_blocking_on_a_loops_thread_is_an_error():
    async def main():
        future = bide.Future()
        with pytest.raises(bide.DeadlockError, match="await the future"):
            future.result_blocking()
        future.set_result(1)
        assert future.result_blocking() == 1

    run(main())


def test_future_exception_nobody_looked_at_is_reported(monkeypatch):
    seen = []
    monkeypatch.setattr(
        sys, "unraisablehook", lambda a: seen.append((a.err_msg, repr(a.exc_value)))
    )
    future = bide.Future(name="lost")
    future.set_exception(ValueError("unseen"))
    del future
    gc.collect()
    assert len(seen) == 1
    assert seen[0][1] == "ValueError('unseen')"
    looked = bide.Future()
    looked.set_exception(ValueError("seen"))
    looked.exception()
    del looked
    assert len(seen) == 1


def test_set_exception_checks_its_argument():
    future = bide.Future()
    with pytest.raises(TypeError, match="needs an exception"):
        future.set_exception("text")
    with pytest.raises(TypeError, match="StopIteration"):
        future.set_exception(StopIteration())
    assert not future.done()
    with pytest.raises(TypeError):
        bide.Future(3)
    with pytest.raises(TypeError, match="name must be a str"):
        bide.Future(name=3)


def test_future_in_a_cycle_is_collected():
    class Box:
        pass

    box = Box()
    box.future = bide.Future()
    box.future.set_result(box)
    ref = weakref.ref(box)
    del box
    gc.collect()
    assert ref() is None
    future = bide.Future()
    ref = weakref.ref(future)
    del future
    assert ref() is None


def test_future_is_used_in_several_runs():
    future = bide.Future()

    async def settle_it():
        future.set_result(1)

    async def main():
        return await future

    bide.run(settle_it())
    assert bide.run(main()) == 1
    assert bide.run(main()) == 1
