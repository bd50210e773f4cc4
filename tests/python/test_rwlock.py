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


def test_rwlock_readers_share():
    async def main():
        rw = bide.RwLock()
        inside = most = 0

        async def reader():
            nonlocal inside, most
            async with rw.read():
                inside += 1
                most = max(most, inside)
                await bide.yield_now()
                inside -= 1

        async with bide.TaskGroup() as tg:
            for _ in range(4):
                tg.spawn(reader())
        assert most == 4
        assert rw.readers == 0

    run(main())


def test_rwlock_writer_excludes_the_others():
    async def main():
        rw = bide.RwLock()
        readers = writers = 0

        async def read():
            nonlocal readers
            for _ in range(3):
                async with rw.read():
                    readers += 1
                    assert writers == 0
                    await bide.yield_now()
                    readers -= 1

        async def write():
            nonlocal writers
            for _ in range(3):
                async with rw.write():
                    writers += 1
                    assert writers == 1 and readers == 0
                    await bide.yield_now()
                    writers -= 1

        async with bide.TaskGroup() as tg:
            for _ in range(4):
                tg.spawn(read())
                tg.spawn(write())

    for seed in range(4):
        run(main(), seed=seed)


def test_rwlock_waiting_writer_is_not_overtaken():
    async def main():
        rw = bide.RwLock()
        order = []

        async def read():
            async with rw.read():
                order.append("read")

        async def write():
            async with rw.write():
                order.append("write")

        await rw.read_lock()
        tasks = [bide.spawn(write())]
        await settle()
        tasks.append(bide.spawn(read()))
        await settle()
        assert order == [] and rw.waiters == 2
        rw.read_unlock()
        for t in tasks:
            await t
        assert order == ["write", "read"]

    run(main())


def test_rwlock_readers_in_a_row_enter_together():
    async def main():
        rw = bide.RwLock()
        order = []

        async def read(i):
            async with rw.read():
                order.append(i)
                await settle(20)

        async def write():
            async with rw.write():
                order.append("write")

        await rw.write_lock()
        tasks = [bide.spawn(read(1)), bide.spawn(read(2)),
                 bide.spawn(write()), bide.spawn(read(3))]
        await settle()
        rw.write_unlock()
        await settle()
        assert order == [1, 2] and rw.readers == 2
        for t in tasks:
            await t
        assert order == [1, 2, "write", 3]

    run(main())


def test_rwlock_try_never_waits():
    async def main():
        rw = bide.RwLock()

        async def write():
            async with rw.write():
                pass

        assert rw.try_read_lock() is True
        assert rw.try_write_lock() is False
        assert rw.try_read_lock() is True
        rw.read_unlock()
        t = bide.spawn(write())
        await settle()
        assert rw.try_read_lock() is False
        rw.read_unlock()
        await t
        assert rw.try_write_lock() is True
        rw.write_unlock()

    run(main())


def test_rwlock_lock_by_its_writer_is_a_deadlock_error():
    async def main():
        rw = bide.RwLock(name="table")
        async with rw.write():
            with pytest.raises(bide.DeadlockError, match="table"):
                await rw.read_lock()
            with pytest.raises(bide.DeadlockError, match="table"):
                await rw.write_lock()
            assert rw.try_write_lock() is False
            assert rw.try_read_lock() is False
        assert rw.writer is None

    run(main())


def test_rwlock_unlock_without_holding_is_an_error():
    async def main():
        rw = bide.RwLock(name="table")
        with pytest.raises(RuntimeError, match="table"):
            rw.read_unlock()
        with pytest.raises(RuntimeError, match="table"):
            rw.write_unlock()
        async with rw.write():
            async def other():
                with pytest.raises(RuntimeError, match="table"):
                    rw.write_unlock()

            await bide.spawn(other())
            assert rw.writer is bide.current_task()

    run(main())


def test_rwlock_cancelled_writer_lets_the_readers_pass():
    async def main():
        rw = bide.RwLock()

        async def read():
            async with rw.read():
                return "read"

        async def write():
            async with rw.write():
                pass

        await rw.read_lock()
        w = bide.spawn(write())
        await settle()
        r = bide.spawn(read())
        await settle()
        assert not r.done()
        w.cancel()
        assert await r == "read"
        rw.read_unlock()

    run(main())


def test_rwlock_of_an_ended_writer_is_broken():
    async def main():
        rw = bide.RwLock(name="table")

        async def careless():
            await rw.write_lock()
            await settle()

        async def waiter():
            with pytest.raises(bide.BrokenError, match="table"):
                await rw.read_lock()

        t = bide.spawn(careless())
        await bide.yield_now()
        w = bide.spawn(waiter())
        await t
        await w
        with pytest.raises(bide.BrokenError):
            await rw.write_lock()
        rw.reset()
        async with rw.write():
            pass

    run(main())


class _Sweep:
    def __init__(self):
        self.rw = bide.RwLock()
        self.readers = self.writers = 0

    async def work(self, plan):
        for mode in plan:
            if mode == "r":
                async with self.rw.read():
                    self.readers += 1
                    assert self.writers == 0
                    try:
                        await bide.yield_now()
                    finally:
                        self.readers -= 1
            else:
                async with self.rw.write():
                    self.writers += 1
                    assert self.writers == 1 and self.readers == 0
                    try:
                        await bide.yield_now()
                    finally:
                        self.writers -= 1

    def tasks(self):
        return [("a", self.work("rwr")), ("victim", self.work("wrw")),
                ("b", self.work("rrw")), ("c", self.work("wwr"))]

    def check(self, outcome):
        assert self.readers == self.writers == 0
        assert self.rw.readers == 0 and self.rw.writer is None
        assert self.rw.waiters == 0


def test_rwlock_cancel_at_every_park():
    cancel_at_every_park(_Sweep)


class _Model(ModelTest):
    """Who is inside, and a list of (actor, mode)."""

    def __init__(self):
        super().__init__()
        self.rw = bide.RwLock()
        self.inside = []
        self.queue = []

    def request(self, mode):
        async def act(number, release):
            async with self.rw.read() if mode == "r" else self.rw.write():
                self.log.append((mode, number))
                await release.wait()

        return self.start(act)

    def grant(self):
        while self.queue:
            number, mode = self.queue[0]
            if self.inside and (mode == "w" or self.inside[0][1] == "w"):
                return
            self.inside.append(self.queue.pop(0))
            self.expected.append((mode, number))

    def step(self, rng):
        what = rng.below(4)
        if what <= 1:
            mode = "rw"[rng.below(2)]
            self.queue.append((self.request(mode), mode))
            self.grant()
        elif what == 2 and self.inside:
            number, _ = self.inside.pop(rng.below(len(self.inside)))
            self.release(number)
            self.grant()
        elif what == 3 and self.queue:
            number, _ = self.queue.pop(rng.below(len(self.queue)))
            self.cancel(number)
            self.grant()

    def compare(self):
        readers = sum(mode == "r" for _, mode in self.inside)
        assert self.rw.readers == readers
        assert (self.rw.writer is not None) == (len(self.inside) > readers)
        assert self.rw.waiters == len(self.queue)


def test_rwlock_agrees_with_its_model():
    agrees_with_model(_Model)


test_rwlock_agrees_with_its_model_when_drawn = drawn_model_test(_Model)


def test_rwlock_tells_its_state():
    async def main():
        rw = bide.RwLock(name="table")
        assert repr(rw) == "<RwLock 'table' unlocked>"
        async with rw.read():
            assert repr(rw) == "<RwLock 'table' 1 readers, 0 waiting>"
        async with rw.write():
            assert "written by" in repr(rw)

    run(main())


def test_rwlock_guards_can_be_kept():
    async def main():
        rw = bide.RwLock()
        reading = rw.read()
        for _ in range(3):
            async with reading:
                async with reading:
                    assert rw.readers == 2
        assert rw.readers == 0

    run(main())
