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


async def _wait(c, log, i):
    async with c:
        await c.wait()
        log.append(i)


def test_condition_wait_releases_and_retakes_the_mutex():
    async def main():
        c = bide.Condition()
        seen = []

        async def waiter():
            async with c:
                await c.wait()
                seen.append(c.mutex.owner is bide.current_task())

        t = bide.spawn(waiter())
        await settle()
        assert not c.mutex.locked and c.waiters == 1
        async with c:
            c.notify()
            await settle()
            assert seen == []
        await t
        assert seen == [True]
        assert not c.mutex.locked

    run(main())


def test_condition_notify_wakes_in_fifo_order():
    async def main():
        c = bide.Condition()
        log = []
        for i in range(4):
            bide.spawn(_wait(c, log, i))
        await settle()
        for expected in ([0], [0, 1], [0, 1, 2], [0, 1, 2, 3]):
            async with c:
                c.notify()
            await settle()
            assert log == expected

    run(main())


def test_condition_notify_wakes_as_many_as_asked():
    async def main():
        c = bide.Condition()
        log = []
        for i in range(6):
            bide.spawn(_wait(c, log, i))
        await settle()
        async with c:
            c.notify(0)
            c.notify(2)
        await settle()
        assert log == [0, 1] and c.waiters == 4
        async with c:
            c.notify_all()
        await settle()
        assert log == [0, 1, 2, 3, 4, 5]

    run(main())


def test_condition_wait_without_the_mutex_is_an_error():
    async def main():
        c = bide.Condition(name="changed")
        with pytest.raises(bide.NotOwnerError, match="changed"):
            await c.wait()

    run(main())


def test_condition_notify_without_the_mutex_is_an_error():
    async def main():
        c = bide.Condition(name="changed")
        with pytest.raises(bide.NotOwnerError, match="changed"):
            c.notify()
        with pytest.raises(bide.NotOwnerError, match="changed"):
            c.notify_all()
        async with c:
            with pytest.raises(ValueError, match="n must be at least 0"):
                c.notify(-1)

    run(main())


def test_condition_cancelled_wait_holds_the_mutex():
    async def main():
        c = bide.Condition()
        seen = []

        async def waiter():
            async with c:
                try:
                    await c.wait()
                finally:
                    seen.append(c.mutex.owner is bide.current_task())

        t = bide.spawn(waiter())
        await settle()
        async with c:
            t.cancel()
            await settle()
            assert seen == []
        with pytest.raises(bide.Cancelled):
            await t
        assert seen == [True]
        assert not c.mutex.locked and c.waiters == 0

    run(main())


def test_condition_notified_wait_is_delivered_before_the_cancel():
    async def main():
        c = bide.Condition()
        log = []

        async def waiter():
            async with c:
                await c.wait()
                log.append("notified")
                await bide.sleep(1)

        t = bide.spawn(waiter())
        await settle()
        async with c:
            c.notify()
            t.cancel()
        with pytest.raises(bide.Cancelled):
            await t
        assert log == ["notified"]

    run(main())


class _Sweep:
    """Takers wait for tokens that a giver puts; a cancelled taker must leave
    its notification to the others."""

    def __init__(self):
        self.c = bide.Condition()
        self.tokens = 0
        self.taken = 0

    async def take(self):
        async with self.c:
            while self.tokens == 0:
                await self.c.wait()
            self.tokens -= 1
            self.taken += 1
            if self.tokens:
                self.c.notify()

    async def give(self):
        for _ in range(3):
            await bide.sleep(1)
            async with self.c:
                self.tokens += 1
                self.c.notify()

    def tasks(self):
        return [("a", self.take()), ("victim", self.take()),
                ("b", self.take()), ("giver", self.give())]

    def check(self, outcome):
        assert self.c.waiters == 0 and not self.c.mutex.locked
        assert self.taken + self.tokens == 3
        assert self.taken >= 2
        if outcome == "done":
            assert self.taken == 3


def test_condition_cancel_at_every_park():
    cancel_at_every_park(_Sweep)


class _Model(ModelTest):
    """A list of those who wait."""

    def __init__(self):
        super().__init__()
        self.c = bide.Condition()
        self.queue = []

    async def act(self, number, release):
        async with self.c:
            await self.c.wait()
            self.log.append(number)

    async def notify(self, n):
        async with self.c:
            if n is None:
                self.c.notify_all()
            else:
                self.c.notify(n)

    def step(self, rng):
        what = rng.below(6)
        if what <= 2:
            self.queue.append(self.start(self.act))
        elif what <= 4:
            n = rng.below(4) if what == 3 else None
            bide.spawn(self.notify(n))
            woken = self.queue[:n]
            del self.queue[:n]
            self.expected += woken
        elif self.queue:
            self.cancel(self.queue.pop(rng.below(len(self.queue))))

    def compare(self):
        assert self.c.waiters == len(self.queue)
        assert not self.c.mutex.locked


def test_condition_agrees_with_its_model():
    agrees_with_model(_Model)


test_condition_agrees_with_its_model_when_drawn = drawn_model_test(_Model)


def test_condition_wait_for_gives_what_the_predicate_gave():
    async def main():
        c = bide.Condition()
        items = []
        calls = []

        def has_two():
            calls.append(len(items))
            return items if len(items) == 2 else None

        async def waiter():
            async with c:
                return await c.wait_for(has_two)

        t = bide.spawn(waiter())
        for item in "ab":
            await settle()
            async with c:
                items.append(item)
                c.notify_all()
        assert await t == ["a", "b"]
        assert calls == [0, 1, 2]
        async with c:
            assert await c.wait_for(lambda: 7) == 7
            with pytest.raises(TypeError, match="predicate"):
                c.wait_for(7)

    run(main())


def test_conditions_can_share_a_mutex():
    async def main():
        m = bide.Mutex(name="state")
        full, empty = bide.Condition(m), bide.Condition(mutex=m)
        assert full.mutex is m is empty.mutex
        async with full:
            empty.notify()
        with pytest.raises(TypeError, match="mutex must be a bide.Mutex"):
            bide.Condition("m")
        assert "0 waiting" in repr(full)

    run(main())
