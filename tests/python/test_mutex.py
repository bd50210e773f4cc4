import asyncio
import weakref

import pytest

import bide
from sweep import (
    ModelTest,
    agrees_with_model,
    cancel_at_every_park,
    drawn_model_test,
    settle,
)


def run(coro, **options):
    return bide.run(coro, virtual_clock=True, **options)


def test_mutex_excludes_the_others():
    async def main():
        m = bide.Mutex()
        inside = most = 0

        async def work():
            nonlocal inside, most
            for _ in range(5):
                async with m:
                    inside += 1
                    most = max(most, inside)
                    await bide.yield_now()
                    inside -= 1

        async with bide.TaskGroup() as tg:
            for _ in range(10):
                tg.spawn(work())
        assert most == 1
        assert not m.locked

    for seed in range(3):
        run(main(), seed=seed)


def test_mutex_hands_over_in_fifo_order():
    async def main():
        m = bide.Mutex()
        order = []

        async def work(i):
            async with m:
                order.append(i)

        await m.lock()
        tasks = [bide.spawn(work(i)) for i in range(5)]
        await settle()
        assert m.waiters == 5
        m.unlock()
        for t in tasks:
            await t
        assert order == [0, 1, 2, 3, 4]

    run(main())


def test_mutex_is_not_barged():
    async def main():
        m = bide.Mutex()
        order = []

        async def other():
            async with m:
                order.append("other")

        await m.lock()
        t = bide.spawn(other())
        await settle()
        m.unlock()
        assert not m.try_lock()
        await m.lock()
        order.append("again")
        m.unlock()
        await t
        assert order == ["other", "again"]

    run(main())


def test_mutex_try_lock_never_waits():
    async def main():
        m = bide.Mutex()

        async def other():
            return m.try_lock()

        assert m.try_lock() is True
        assert await bide.spawn(other()) is False
        m.unlock()
        assert m.locked is False

    run(main())


def test_mutex_lock_by_its_holder_is_a_deadlock_error():
    async def main():
        m = bide.Mutex(name="cache")
        async with m:
            with pytest.raises(bide.DeadlockError) as caught:
                await m.lock()
            assert "cache" in str(caught.value)
            assert "locker" in str(caught.value)
            assert m.try_lock() is False
            assert m.locked

    async def outer():
        await bide.spawn(main(), name="locker")

    run(outer())


def test_mutex_unlock_by_another_task_is_an_error():
    async def main():
        m = bide.Mutex(name="cache")

        async def other():
            with pytest.raises(RuntimeError, match="cache.*main-1"):
                m.unlock()

        async def holder():
            async with m:
                await bide.spawn(other(), name="other")
                assert m.owner.name == "main-1"

        await bide.spawn(holder(), name="main-1")
        with pytest.raises(RuntimeError, match="not locked"):
            m.unlock()

    run(main())


def test_mutex_cancelled_waiter_never_held_it():
    async def main():
        m = bide.Mutex()
        got = []

        async def work(i):
            async with m:
                got.append(i)

        await m.lock()
        first, second = bide.spawn(work(1)), bide.spawn(work(2))
        await settle()
        first.cancel()
        await settle()
        assert m.waiters == 1
        m.unlock()
        await second
        assert got == [2]
        assert not m.locked

    run(main())


def test_mutex_handed_over_is_delivered_before_the_cancel():
    async def main():
        m = bide.Mutex()
        seen = []

        async def work():
            await m.lock()
            seen.append("held")
            try:
                await bide.yield_now()
            finally:
                m.unlock()

        await m.lock()
        t = bide.spawn(work())
        await settle()
        m.unlock()
        t.cancel()
        with pytest.raises(bide.Cancelled):
            await t
        assert seen == ["held"]
        assert not m.locked

    run(main())


def test_mutex_of_an_ended_task_is_broken():
    async def main():
        m = bide.Mutex(name="cache")
        waiter_error = []

        async def careless():
            await m.lock()
            await settle()

        async def waiter():
            try:
                await m.lock()
            except bide.BrokenError as error:
                waiter_error.append(str(error))

        t = bide.spawn(careless(), name="careless-1")
        await bide.yield_now()
        w = bide.spawn(waiter())
        await t
        await w
        assert "careless-1" in waiter_error[0]
        with pytest.raises(bide.BrokenError, match="careless-1"):
            await m.lock()
        with pytest.raises(bide.BrokenError, match="careless-1"):
            m.try_lock()
        m.reset()
        async with m:
            pass

    run(main())


def test_mutex_guard_unlocks_on_an_error():
    async def main():
        m = bide.Mutex()
        with pytest.raises(ValueError):
            async with m:
                raise ValueError
        assert not m.locked

        async def stuck():
            async with m:
                await bide.sleep(60)

        t = bide.spawn(stuck())
        await settle()
        assert m.locked
        t.cancel()
        await settle()
        assert not m.locked

    run(main())


def test_mutex_race_loser_does_not_hold_it():
    async def main():
        m = bide.Mutex()
        await m.lock()

        async def racer():
            await bide.race(m.lock(), bide.sleep(1))

        t = bide.spawn(racer())
        await bide.sleep(2)
        await t
        assert m.waiters == 0
        m.unlock()
        assert not m.locked

    run(main())


class _Sweep:
    def __init__(self):
        self.m = bide.Mutex()
        self.inside = 0
        self.rounds = 0

    async def work(self):
        for _ in range(3):
            async with self.m:
                assert self.inside == 0
                self.inside += 1
                try:
                    await bide.yield_now()
                finally:
                    self.inside -= 1
            self.rounds += 1

    def tasks(self):
        return [("a", self.work()), ("victim", self.work()),
                ("b", self.work())]

    def check(self, outcome):
        assert not self.m.locked and self.m.waiters == 0
        assert self.inside == 0
        if outcome == "done":
            assert self.rounds == 9
        else:
            assert 6 <= self.rounds <= 9


def test_mutex_cancel_at_every_park():
    cancel_at_every_park(_Sweep)


class _Model(ModelTest):
    """One owner, and a list of those who wait."""

    def __init__(self):
        super().__init__()
        self.m = bide.Mutex()
        self.queue = []

    async def act(self, number, release):
        async with self.m:
            self.log.append(("got", number))
            await release.wait()

    def step(self, rng):
        what = rng.below(4)
        if what <= 1 or not self.queue:
            number = self.start(self.act)
            self.queue.append(number)
            if len(self.queue) == 1:
                self.expected.append(("got", number))
        elif what == 2:
            self.release(self.queue[0])
            self.leave(0)
        else:
            at = rng.below(len(self.queue))
            # The owner's cancel lands on its wait for the release, and the
            # mutex passes on as it unwinds.
            self.cancel(self.queue[at])
            self.leave(at)

    def leave(self, at):
        del self.queue[at]
        if at == 0 and self.queue:
            self.expected.append(("got", self.queue[0]))

    def compare(self):
        assert self.m.locked == bool(self.queue)
        assert self.m.waiters == max(0, len(self.queue) - 1)


def test_mutex_agrees_with_its_model():
    agrees_with_model(_Model)


test_mutex_agrees_with_its_model_when_drawn = drawn_model_test(_Model)


def test_mutex_tells_its_state():
    async def main():
        m = bide.Mutex(name="cache")
        assert m.name == "cache" and m.owner is None and m.waiters == 0
        assert repr(m) == "<Mutex 'cache' unlocked>"
        async with m:
            assert m.locked and m.owner is bide.current_task()
            assert repr(m) == "<Mutex 'cache' locked by task 'holder', 0 waiting>"
        assert bide.Mutex().name is None

    async def outer():
        await bide.spawn(main(), name="holder")

    run(outer())


def test_mutex_lock_is_lazy():
    async def main():
        m = bide.Mutex()
        op = m.lock()
        assert not m.locked
        await op
        assert m.locked
        m.unlock()

    run(main())


def test_mutex_works_in_one_run_after_another():
    m = bide.Mutex()

    async def main():
        async with m:
            await bide.yield_now()

    run(main())
    run(main())


def test_mutex_arguments_are_checked():
    with pytest.raises(TypeError, match="name"):
        bide.Mutex(name=3)
    with pytest.raises(TypeError):
        bide.Mutex("cache")
    with pytest.raises(TypeError, match="colour"):
        bide.Mutex(colour=1)


def test_mutex_outside_a_run_is_an_error():
    m = bide.Mutex()
    with pytest.raises(RuntimeError, match="bide.run"):
        m.try_lock()
    with pytest.raises(RuntimeError, match="bide.run"):
        m.unlock()
    assert repr(m).endswith(" unlocked>")


def test_mutex_can_be_referred_to_weakly():
    m = bide.Mutex()
    gone = weakref.ref(m)
    assert gone() is m
    del m
    assert gone() is None


def test_mutex_cancelled_is_asyncios():
    async def main():
        m = bide.Mutex()
        await m.lock()

        async def waiter():
            with pytest.raises(asyncio.CancelledError):
                await m.lock()
            raise ValueError("cleanup ran")

        t = bide.spawn(waiter())
        await settle()
        t.cancel()
        with pytest.raises(ValueError, match="cleanup ran"):
            await t

    run(main())
