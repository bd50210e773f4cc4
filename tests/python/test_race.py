import pytest

import bide
from sweep import settle


def run(coro, **options):
    return bide.run(coro, virtual_clock=True, **options)


async def value(v):
    return v


async def fail(error):
    raise error


def test_race_gives_the_first_and_drops_the_others():
    async def main():
        channel = bide.Channel(1)
        mutex = bide.Mutex()
        await mutex.lock()
        first = bide.race(bide.sleep(1), channel.recv(), mutex.lock())

        async def send():
            await bide.sleep(0.5)
            await channel.send("first")

        task = bide.spawn(send())
        assert await first == "first"
        await task
        assert mutex.waiters == 0
        await channel.send("second")
        assert channel.try_recv() == "second"

        async def slow():
            try:
                await bide.sleep(10)
            except bide.Cancelled as error:
                ended.append(str(error))
                raise

        ended = []
        assert await bide.race(slow(), value("fast"), slow()) == "fast"
        assert ended in ([], ["another task was first"] * 2) or len(ended) == 1

    run(main())


def test_race_raises_the_error_of_the_first():
    async def main():
        with pytest.raises(ValueError, match="first"):
            await bide.race(fail(ValueError("first")), bide.sleep(1))
        channel = bide.Channel(1)
        channel.close()
        with pytest.raises(bide.ClosedError):
            await bide.race(bide.sleep(1), channel.recv())

    run(main())


def test_race_decided_at_once_does_not_wait():
    async def main():
        channel = bide.Channel(1)
        await channel.send("there")
        ran = []

        async def other():
            ran.append(1)

        task = bide.spawn(other())
        assert await bide.race(bide.sleep(1), channel.recv(), channel.recv()) == (
            "there"
        )
        assert ran == []
        await task

    run(main())


def test_race_cancelled_from_outside():
    async def main():
        channel = bide.Channel(1)
        log = []

        async def slow():
            try:
                await bide.sleep(10)
            finally:
                log.append("unwound")

        for make in (
            lambda: bide.race(bide.sleep(10), channel.recv()),
            lambda: bide.race(slow(), slow()),
        ):
            with pytest.raises(TimeoutError):
                with bide.timeout(1):
                    await make()
        assert log == ["unwound", "unwound"]

    run(main())


def test_race_needs_arguments():
    with pytest.raises(ValueError, match="at least 1"):
        bide.race()
    with pytest.raises(TypeError, match="needs a coroutine"):
        bide.race(1)


def test_race_takes_each_operation_once():
    async def main():
        op = bide.sleep(1)
        await bide.race(op)
        for again in (bide.race(op), bide.race(op, value(1)), bide.gather(op)):
            with pytest.raises(RuntimeError, match="awaited already"):
                await again
        with pytest.raises(RuntimeError, match="awaited already"):
            await op

    run(main())


def test_gather_keeps_the_order_of_its_arguments():
    async def main():
        async def after(seconds, v):
            await bide.sleep(seconds)
            return v

        assert await bide.gather(after(3, "a"), after(1, "b"), after(2, "c")) == [
            "a",
            "b",
            "c",
        ]
        assert await bide.gather() == []
        task = bide.spawn(after(1, "t"))
        assert await bide.gather(task, bide.sleep(2)) == ["t", None]

    run(main())


def test_gather_cancels_the_others_on_an_error():
    async def main():
        log = []

        async def slow():
            try:
                await bide.sleep(10)
            except bide.Cancelled as error:
                log.append(str(error))
                raise

        async def soon():
            await bide.sleep(1)
            raise ValueError("first")

        with pytest.raises(ValueError, match="first"):
            await bide.gather(slow(), soon(), slow())
        assert log == ["another task failed"] * 2
        assert bide.now() < 10

    run(main())


def test_gather_with_return_exceptions():
    async def main():
        error = ValueError("x")
        got = await bide.gather(
            value(1), fail(error), value(3), return_exceptions=True
        )
        assert got == [1, error, 3]
        with pytest.raises(TypeError, match="unexpected keyword"):
            bide.gather(nonsense=1)

    run(main())


def test_gather_cancelled_from_outside():
    async def main():
        log = []

        async def slow():
            try:
                await bide.sleep(10)
            finally:
                log.append("unwound")

        with bide.move_on_after(1) as scope:
            await bide.gather(slow(), slow())
        assert scope.cancelled_caught
        assert log == ["unwound"] * 2

    run(main())


def test_gather_under_a_cancelled_scope_starts_nothing():
    async def main():
        ran = []

        async def work():
            ran.append(1)

        with bide.CancelToken() as token:
            token.cancel()
            await bide.gather(work(), work())
        assert ran == []

    run(main())


def _lock_operations():
    mutex, rwlock = bide.Mutex(), bide.RwLock()
    condition = bide.Condition(mutex)
    return [mutex.lock, rwlock.read_lock, rwlock.write_lock, condition.wait,
            mutex.__aenter__, rwlock.read().__aenter__, condition.__aenter__]


def test_operation_for_its_own_task_is_given_to_no_other():
    async def main():
        async with bide.TaskGroup() as group:
            takers = [bide.spawn, group.spawn, bide.gather,
                      lambda op: bide.race(op, other)]
            for make in _lock_operations():
                for take in takers:
                    op, other = make(), value(1)
                    with pytest.raises(TypeError, match=r"\w\(\) acts for the "
                                       "task that awaits it.*: await it"):
                        take(op)
                    op.close()
                    other.close()

    run(main())


def test_operation_of_a_lock_still_races_operations():
    async def main():
        mutex, rwlock = bide.Mutex(), bide.RwLock()
        await bide.race(mutex.lock(), bide.sleep(1))
        mutex.unlock()
        await bide.race(rwlock.write_lock(), bide.sleep(1))
        rwlock.write_unlock()
        semaphore = bide.Semaphore(2)
        await bide.gather(semaphore.acquire(), value(1))
        assert semaphore.permits == 1

    run(main())


def test_condition_wait_cannot_be_raced():
    async def main():
        condition = bide.Condition()
        async with condition:
            op, other = condition.wait(), bide.sleep(1)
            with pytest.raises(TypeError, match=r"Condition.wait\(\) acts .* "
                               r"race\(\) .*under bide.timeout\(\)"):
                bide.race(op, other)
            op.close()
            other.close()

    run(main())


def test_operation_given_twice_is_refused():
    async def main():
        mutex, semaphore = bide.Mutex(), bide.Semaphore(5)
        for op in (mutex.lock(), semaphore.acquire()):
            for take in (bide.race, bide.gather):
                with pytest.raises(ValueError, match=r"the same .*\(\) twice"):
                    take(op, op)
            await op  # it has not been used
        assert semaphore.permits == 4 and mutex.locked
        mutex.unlock()

    run(main())


def test_operation_of_one_race_is_not_anothers():
    async def main():
        channel = bide.Channel(3)
        op = channel.recv()
        first, second, third = (bide.race(op) for _ in range(3))

        async def receive():
            return await first

        task = bide.spawn(receive())
        await settle()
        with pytest.raises(RuntimeError, match=r"recv\(\) was awaited already"):
            await second
        with pytest.raises(RuntimeError, match="was awaited already"):
            await op
        op.close()
        with pytest.raises(KeyError):
            op.throw(KeyError())
        await channel.send(1)
        assert await task == 1
        with pytest.raises(RuntimeError, match="was awaited already"):
            await third

    run(main())
