import pytest

import bide
from sweep import settle


def run(coro, **options):
    return bide.run(coro, virtual_clock=True, **options)


def ms(seconds):
    return round(seconds * 1000)


def ticks_of(missed, pause, count, period=0.1):
    """When each tick was due and when it came, in ms from the start; after the
    second there is a pause."""
    seen = []

    async def main():
        start = bide.now()
        iv = bide.interval(period, missed)
        for i in range(count):
            due = await iv.tick()
            seen.append((ms(due - start), ms(bide.now() - start)))
            if i == 1:
                await bide.sleep(pause)

    run(main())
    return seen


def test_interval_ticks_at_its_period():
    assert ticks_of("burst", 0.03, 4) == [
        (0, 0), (100, 100), (200, 200), (300, 300)]


def test_interval_burst_catches_up():
    assert ticks_of("burst", 0.25, 6) == [
        (0, 0), (100, 100), (200, 350), (300, 350), (400, 400), (500, 500)]


def test_interval_delay_starts_over_from_the_late_tick():
    assert ticks_of("delay", 0.25, 5) == [
        (0, 0), (100, 100), (200, 350), (450, 450), (550, 550)]


def test_interval_skip_stays_on_the_grid():
    assert ticks_of("skip", 0.25, 5) == [
        (0, 0), (100, 100), (200, 350), (400, 400), (500, 500)]
    assert ticks_of("skip", 0.3, 4) == [
        (0, 0), (100, 100), (200, 400), (500, 500)]


def test_interval_tick_that_is_a_little_late_was_not_missed():
    assert ticks_of("delay", 0.104, 4)[2:] == [(200, 204), (300, 300)]
    assert ticks_of("delay", 0.106, 4)[2:] == [(200, 206), (306, 306)]


def test_interval_cancelled_tick_is_not_lost():
    async def main():
        iv = bide.interval(0.1, "delay")
        start = await iv.tick()
        waiter = bide.spawn(_tick(iv))
        await settle()
        waiter.cancel()
        await settle()
        with bide.move_on_after(0.05):
            await iv.tick()
        assert ms(await iv.tick() - start) == 100

    run(main())


def test_interval_race_loser_keeps_the_tick():
    async def main():
        iv = bide.interval(0.1)
        start = await iv.tick()
        await bide.race(iv.tick(), bide.sleep(0.05))
        assert ms(await iv.tick() - start) == 100

    run(main())


async def _tick(iv):
    return await iv.tick()


def test_interval_second_waiter_is_an_error():
    async def main():
        iv = bide.interval(1)
        await iv.tick()
        first = bide.spawn(_tick(iv))
        await settle()
        with pytest.raises(bide.BusyError, match="its own interval"):
            await iv.tick()
        with pytest.raises(bide.BusyError):
            iv.reset()
        await first

    run(main())


def test_interval_reset_starts_over():
    async def main():
        iv = bide.interval(0.1)
        start = await iv.tick()
        await bide.sleep(0.03)
        iv.reset()
        assert ms(await iv.tick() - start) == 130

    run(main())


def test_interval_without_a_period_is_an_error():
    async def main():
        for bad in 0, -1, float("nan"):
            with pytest.raises(ValueError, match="period"):
                bide.interval(bad)
        for bad in "1", None.__class__:
            with pytest.raises(TypeError, match="period"):
                bide.interval(bad)
        with pytest.raises(ValueError, match="'burst', 'delay' or 'skip'"):
            bide.interval(1, missed="never")
        with pytest.raises(TypeError, match="missed"):
            bide.interval(1, missed=1)

    run(main())
    with pytest.raises(bide.NoRuntimeError):
        bide.interval(1)


def test_interval_is_iterated():
    async def main():
        start = bide.now()
        seen = []
        async for when in bide.interval(2, missed="skip"):
            seen.append(ms(when - start))
            if len(seen) == 3:
                break
        assert seen == [0, 2000, 4000]

    run(main())


def test_interval_tells_its_state():
    async def main():
        iv = bide.interval(0.5, missed="delay")
        assert (iv.period, iv.missed) == (0.5, "delay")
        assert repr(iv) == "<Interval of 0.5 s, missed='delay'>"
        return iv

    iv = run(main())
    with pytest.raises(bide.NoRuntimeError):
        iv.reset()
