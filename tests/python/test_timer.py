import time

import pytest

import bide
from sweep import settle


def run(coro, **options):
    return bide.run(coro, virtual_clock=True, **options)


def test_sleep_wakes_in_the_order_of_deadlines():
    async def main():
        log = []

        async def sleeper(seconds):
            await bide.sleep(seconds)
            log.append(seconds)

        async with bide.TaskGroup() as tg:
            for seconds in (5, 1, 3, 2, 4):
                tg.spawn(sleeper(seconds))
        assert log == [1, 2, 3, 4, 5]

    run(main())


def test_sleep_with_equal_deadlines_wakes_in_fifo_order():
    async def main():
        log = []
        until = bide.now() + 1

        async def sleeper(i):
            await bide.sleep_until(until)
            log.append(i)

        async with bide.TaskGroup() as tg:
            for i in range(50):
                tg.spawn(sleeper(i))
        assert log == list(range(50))

    run(main())


def test_sleep_until_a_past_time_yields_once():
    async def main():
        for sleep in (
            lambda: bide.sleep(0),
            lambda: bide.sleep(-1),
            lambda: bide.sleep_until(bide.now()),
            lambda: bide.sleep_until(bide.now() - 5),
        ):
            log = []

            async def other():
                log.append("other")
                await bide.yield_now()
                log.append("later")

            task = bide.spawn(other())
            start = bide.now()
            await sleep()
            assert log == ["other"]
            assert bide.now() == start
            await task

    run(main())


def test_sleep_cancelled_leaves_no_timer():
    async def main():
        task = bide.spawn(bide.sleep(1000))
        await settle()
        task.cancel()
        with pytest.raises(bide.Cancelled):
            await task
        # With a timer left, time would jump to it instead of stalling here.
        await bide.Future()

    with pytest.raises(bide.DeadlockError):
        run(main())


def test_virtual_clock_jumps_to_the_next_timer():
    async def main():
        start = bide.now()
        await bide.sleep(3600)
        return bide.now() - start

    before = time.monotonic()
    assert run(main()) == 3600.0
    assert time.monotonic() - before < 60


def test_duration_arguments():
    async def main():
        with pytest.raises(TypeError, match="seconds must be a number"):
            bide.sleep("1")
        with pytest.raises(ValueError, match="not nan"):
            bide.sleep(float("nan"))
        with pytest.raises(TypeError, match="no arguments"):
            bide.yield_now(1)
        await bide.sleep(-1)
        await bide.sleep_until(-5.0)
        start = bide.now()
        await bide.sleep_until(start + 2)
        assert bide.now() == start + 2
        await bide.sleep(1)
        assert bide.now() == start + 3
        for forever in (None, float("inf"), 1e300):
            with bide.move_on_after(1) as scope:
                await bide.sleep(forever)
            assert scope.cancelled_caught

    run(main())


def test_sleep_never_ends_early():
    async def main():
        for _ in range(50):
            start = bide.now()
            await bide.sleep(0.0003)
            assert bide.now() - start >= 0.0003

    bide.run(main())


def test_timer_huge_number_is_named():
    for call in (bide.sleep, bide.sleep_until, bide.timeout):
        with pytest.raises(OverflowError, match="^(seconds|when) is too large"):
            call(10**400)
