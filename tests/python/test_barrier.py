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


def test_barrier_releases_all_when_the_last_arrives():
    async def main():
        b = bide.Barrier(3)
        done = []

        async def come(i):
            await b.wait()
            done.append(i)

        for i in range(2):
            bide.spawn(come(i))
        await settle()
        assert done == [] and b.n_waiting == 2
        await b.wait()
        await settle()
        assert sorted(done) == [0, 1] and b.n_waiting == 0

    run(main())


def test_barrier_gives_the_order_of_arrival():
    async def main():
        b = bide.Barrier(4)
        tasks = [bide.spawn(_index(b)) for _ in range(4)]
        assert [await t for t in tasks] == [0, 1, 2, 3]

    run(main())


async def _index(b):
    return await b.wait()


def test_barrier_can_be_used_again():
    async def main():
        b = bide.Barrier(2)
        for _ in range(3):
            t = bide.spawn(_index(b))
            await settle()
            assert await b.wait() == 1
            assert await t == 0

    run(main())


def test_barrier_cancelled_waiter_has_not_arrived():
    async def main():
        b = bide.Barrier(3)
        a, c = bide.spawn(_index(b)), bide.spawn(_index(b))
        await settle()
        a.cancel()
        await settle()
        assert b.n_waiting == 1
        d = bide.spawn(_index(b))
        await settle()
        assert not c.done()
        assert await b.wait() == 2
        assert (await c, await d) == (0, 1)

    run(main())


def test_barrier_abort_breaks_waiters_and_later_arrivals():
    async def main():
        b = bide.Barrier(3, name="start")
        t = bide.spawn(_index(b))
        await settle()
        b.abort()
        assert b.broken
        with pytest.raises(bide.BrokenError, match="start"):
            await t
        with pytest.raises(bide.BrokenError, match="start"):
            await b.wait()
        b.reset()
        assert not b.broken
        tasks = [bide.spawn(_index(b)) for _ in range(3)]
        assert [await t for t in tasks] == [0, 1, 2]

    run(main())


def test_barrier_reset_makes_it_as_new():
    async def main():
        b = bide.Barrier(2)
        t = bide.spawn(_index(b))
        await settle()
        b.reset()
        with pytest.raises(bide.BrokenError):
            await t
        assert b.n_waiting == 0 and not b.broken
        t = bide.spawn(_index(b))
        await settle()
        assert await b.wait() == 1
        assert await t == 0

    run(main())


class _Sweep:
    """Four come, three pass at a time: whoever is cancelled, no gap is left."""

    def __init__(self):
        self.b = bide.Barrier(2)
        self.indexes = []

    async def come(self):
        for _ in range(2):
            self.indexes.append(await self.b.wait())

    async def helper(self):
        with bide.move_on_after(10):
            while True:
                await self.come()

    def tasks(self):
        return [("victim", self.come()), ("helper", self.helper())]

    def check(self, outcome):
        assert self.b.n_waiting == 0
        assert self.indexes.count(0) == self.indexes.count(1)


def test_barrier_cancel_at_every_park():
    cancel_at_every_park(_Sweep)


class _Model(ModelTest):
    """A list of those who wait, and a flag."""

    parties = 3

    def __init__(self):
        super().__init__()
        self.b = bide.Barrier(self.parties)
        self.queue = []
        self.broken = False

    async def act(self, number, release):
        try:
            index = await self.b.wait()
        except bide.BrokenError:
            index = "broken"
        self.log.append((number, index))

    def end(self, result=None):
        # The last to arrive runs on without waiting, before the others.
        order = list(enumerate(self.queue))
        if result is None:
            order.insert(0, order.pop())
        for index, number in order:
            self.expected.append((number, result or index))
        self.queue.clear()

    def step(self, rng):
        what = rng.below(8)
        if what <= 4:
            number = self.start(self.act)
            if self.broken:
                self.expected.append((number, "broken"))
                return
            self.queue.append(number)
            if len(self.queue) == self.parties:
                self.end()
        elif what == 5:
            self.b.reset()
            self.broken = False
            self.end("broken")
        elif what == 6:
            self.b.abort()
            self.broken = True
            self.end("broken")
        elif self.queue:
            self.cancel(self.queue.pop(rng.below(len(self.queue))))

    def compare(self):
        assert self.b.n_waiting == len(self.queue)
        assert self.b.broken == self.broken


def test_barrier_agrees_with_its_model():
    agrees_with_model(_Model)


test_barrier_agrees_with_its_model_when_drawn = drawn_model_test(_Model)


def test_barrier_as_a_block_waits_on_entry():
    async def main():
        b = bide.Barrier(2, name="start")
        assert b.parties == 2
        assert repr(b) == "<Barrier 'start' 0 of 2 waiting>"

        async def come():
            async with b as index:
                return index

        t = bide.spawn(come())
        await settle()
        async with b as index:
            assert index == 1
        assert await t == 0

    run(main())


def test_barrier_arguments_are_checked():
    with pytest.raises(ValueError, match="parties must be at least 1"):
        bide.Barrier(0)
    with pytest.raises(TypeError, match="parties"):
        bide.Barrier()
    with pytest.raises(TypeError, match="parties must be an int"):
        bide.Barrier("2")


def test_barrier_for_one_never_waits():
    async def main():
        b = bide.Barrier(1)
        assert [await b.wait() for _ in range(3)] == [0, 0, 0]

    run(main())
