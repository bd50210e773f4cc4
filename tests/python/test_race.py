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
        with pytest.raises(RuntimeError, match="awaited already|by hand"):
            await bide.race(op, op)
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
