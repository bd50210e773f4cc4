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


def test_semaphore_limits_its_holders():
    async def main():
        s = bide.Semaphore(3)
        inside = most = 0

        async def work():
            nonlocal inside, most
            async with s:
                inside += 1
                most = max(most, inside)
                await bide.sleep(1)
                inside -= 1

        async with bide.TaskGroup() as tg:
            for _ in range(10):
                tg.spawn(work())
        assert most == 3
        assert s.permits == 3

    for seed in range(3):
        run(main(), seed=seed)


def test_semaphore_hands_over_in_fifo_order():
    async def main():
        s = bide.Semaphore(0)
        order = []

        async def work(i):
            await s.acquire()
            order.append(i)

        tasks = [bide.spawn(work(i)) for i in range(5)]
        await settle()
        assert s.waiters == 5
        s.release(5)
        for t in tasks:
            await t
        assert order == [0, 1, 2, 3, 4]
        assert s.permits == 0

    run(main())


def test_semaphore_large_request_is_not_overtaken():
    async def main():
        s = bide.Semaphore(2)
        order = []

        async def work(n):
            await s.acquire(n)
            order.append(n)

        large, small = bide.spawn(work(3)), bide.spawn(work(1))
        await settle()
        assert order == [] and s.permits == 2
        s.release()
        await large
        s.release()
        await small
        assert order == [3, 1]

    run(main())


def test_semaphore_try_acquire_never_waits():
    async def main():
        s = bide.Semaphore(1)
        assert s.try_acquire() is True
        assert s.try_acquire() is False
        s.release(2)
        assert s.try_acquire(3) is False
        assert s.try_acquire(2) is True

        waiter = bide.spawn(s_acquire(s, 2))
        await settle()
        s.release()
        assert s.try_acquire() is False
        s.release()
        await waiter

    async def s_acquire(s, n):
        await s.acquire(n)

    run(main())


def test_semaphore_release_above_its_bound_is_an_error():
    async def main():
        s = bide.Semaphore(2, bounded=True, name="slots")
        await s.acquire()
        s.release()
        with pytest.raises(ValueError, match="slots"):
            s.release()
        assert s.permits == 2
        free = bide.Semaphore(2)
        free.release()
        assert free.permits == 3

    run(main())


def test_semaphore_impossible_request_is_an_error():
    async def main():
        s = bide.Semaphore(2, bounded=True)
        with pytest.raises(ValueError, match="n must be at least 1"):
            await s.acquire(0)
        with pytest.raises(ValueError, match="3.*2"):
            await s.acquire(3)
        with pytest.raises(ValueError, match="3.*2"):
            s.try_acquire(3)
        with pytest.raises(ValueError, match="at least 1"):
            s.release(0)
        with pytest.raises(ValueError, match="-1"):
            s.release(-1)
        with pytest.raises(TypeError):
            s.acquire("1")
        assert s.permits == 2

    run(main())


def test_semaphore_cancelled_waiter_took_nothing():
    async def main():
        s = bide.Semaphore(0)
        t = bide.spawn(take(s, 1))
        await settle()
        t.cancel()
        await settle()
        s.release()
        assert s.permits == 1 and s.waiters == 0

    async def take(s, n):
        await s.acquire(n)

    run(main())


def test_semaphore_cancelled_head_lets_the_next_pass():
    async def main():
        s = bide.Semaphore(1)
        large = bide.spawn(take(s, 2))
        small = bide.spawn(take(s, 1))
        await settle()
        assert not small.done()
        large.cancel()
        await small
        assert s.permits == 0

    async def take(s, n):
        await s.acquire(n)

    run(main())


class _Sweep:
    def __init__(self):
        self.s = bide.Semaphore(3, bounded=True)
        self.held = 0

    async def work(self, *sizes):
        for n in sizes:
            await self.s.acquire(n)
            self.held += n
            assert self.held <= 3
            try:
                await bide.yield_now()
            finally:
                self.held -= n
                self.s.release(n)

    def tasks(self):
        return [("a", self.work(2, 1, 3)), ("victim", self.work(2, 3, 1)),
                ("b", self.work(1, 2, 2))]

    def check(self, outcome):
        assert self.held == 0
        assert self.s.permits == 3 and self.s.waiters == 0


def test_semaphore_cancel_at_every_park():
    cancel_at_every_park(_Sweep)


class _Model(ModelTest):
    """A number, and a list of (actor, how many)."""

    def __init__(self):
        super().__init__()
        self.s = bide.Semaphore(4)
        self.permits = 4
        self.queue = []
        self.holders = []

    def request(self, n):
        async def act(number, release):
            await self.s.acquire(n)
            self.log.append(("got", number, n))
            try:
                await release.wait()
            finally:
                self.s.release(n)

        return self.start(act)

    def grant(self):
        while self.queue and self.queue[0][1] <= self.permits:
            number, n = self.queue.pop(0)
            self.permits -= n
            self.holders.append((number, n))
            self.expected.append(("got", number, n))

    def step(self, rng):
        what = rng.below(4)
        if what <= 1:
            n = 1 + rng.below(4)
            self.queue.append((self.request(n), n))
            self.grant()
        elif what == 2 and self.holders:
            number, n = self.holders.pop(rng.below(len(self.holders)))
            self.release(number)
            self.permits += n
            self.grant()
        elif what == 3 and self.queue:
            number, n = self.queue.pop(rng.below(len(self.queue)))
            self.cancel(number)
            self.grant()

    def compare(self):
        assert self.s.permits == self.permits
        assert self.s.waiters == len(self.queue)


def test_semaphore_agrees_with_its_model():
    agrees_with_model(_Model)


test_semaphore_agrees_with_its_model_when_drawn = drawn_model_test(_Model)


def test_semaphore_arguments_are_checked():
    with pytest.raises(ValueError, match="permits must be at least 0"):
        bide.Semaphore(-1)
    with pytest.raises(TypeError, match="permits"):
        bide.Semaphore()
    with pytest.raises(TypeError):
        bide.Semaphore("3")
    s = bide.Semaphore(permits=3, name="slots")
    assert s.permits == 3 and s.name == "slots"
    assert repr(s) == "<Semaphore 'slots' 3 free, 0 waiting>"
