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


async def _note(event, log, i):
    await event.wait()
    log.append(i)


def test_event_set_wakes_all_waiters():
    async def main():
        e = bide.Event()
        log = []
        tasks = [bide.spawn(_note(e, log, i)) for i in range(4)]
        await settle()
        assert log == [] and e.waiters == 4
        e.set()
        for t in tasks:
            await t
        assert log == [0, 1, 2, 3]
        assert e.is_set() is True and e.waiters == 0

    run(main())


def test_event_already_set_does_not_wait():
    async def main():
        e = bide.Event()
        e.set()
        e.set()
        ran = []
        bide.spawn(_note(e, ran, "other"))
        await e.wait()
        assert ran == []

    run(main())


def test_event_cleared_makes_waits_park_again():
    async def main():
        e = bide.Event()
        e.set()
        e.clear()
        assert e.is_set() is False
        log = []
        t = bide.spawn(_note(e, log, 1))
        await settle()
        assert log == []
        e.set()
        await t

    run(main())


def test_event_set_and_cleared_still_wakes():
    async def main():
        e = bide.Event()
        log = []
        t = bide.spawn(_note(e, log, 1))
        await settle()
        e.set()
        e.clear()
        await t
        assert log == [1] and not e.is_set()

    run(main())


def test_event_cancelled_waiter_leaves_the_others():
    async def main():
        e = bide.Event()
        log = []
        tasks = [bide.spawn(_note(e, log, i)) for i in range(3)]
        await settle()
        tasks[1].cancel()
        await settle()
        assert e.waiters == 2
        e.set()
        await settle()
        assert log == [0, 2]

    run(main())


class _Sweep:
    def __init__(self):
        self.e = bide.Event()
        self.log = []

    async def waiter(self, i):
        for _ in range(3):
            await self.e.wait()
            self.log.append(i)
            await bide.yield_now()

    async def setter(self):
        for _ in range(8):
            await bide.sleep(1)
            self.e.set()
            self.e.clear()
        self.e.set()

    def tasks(self):
        return [("a", self.waiter("a")), ("victim", self.waiter("v")),
                ("b", self.waiter("b")), ("setter", self.setter())]

    def check(self, outcome):
        assert self.e.waiters == 0
        assert self.log.count("a") == self.log.count("b") == 3
        assert outcome == "cancelled" or self.log.count("v") == 3


def test_event_cancel_at_every_park():
    cancel_at_every_park(_Sweep)


class _Model(ModelTest):
    """A flag, and a list of those who wait."""

    def __init__(self):
        super().__init__()
        self.e = bide.Event()
        self.flag = False
        self.queue = []

    async def act(self, number, release):
        await self.e.wait()
        self.log.append(("woke", number))

    def wake(self):
        for number in self.queue:
            self.expected.append(("woke", number))
        self.queue.clear()

    def step(self, rng):
        what = rng.below(6)
        if what <= 2:
            self.queue.append(self.start(self.act))
            if self.flag:
                self.wake()
        elif what == 3:
            self.e.set()
            self.flag = True
            self.wake()
        elif what == 4:
            self.e.clear()
            self.flag = False
        elif self.queue:
            number = self.queue.pop(rng.below(len(self.queue)))
            self.cancel(number)

    def compare(self):
        assert self.e.is_set() == self.flag
        assert self.e.waiters == len(self.queue)


def test_event_agrees_with_its_model():
    agrees_with_model(_Model)


test_event_agrees_with_its_model_when_drawn = drawn_model_test(_Model)


def test_event_tells_its_state():
    async def main():
        e = bide.Event(name="ready")
        assert repr(e) == "<Event 'ready' clear, 0 waiting>"
        e.set()
        assert repr(e) == "<Event 'ready' set>"
        with pytest.raises(TypeError):
            e.set(1)

    run(main())
