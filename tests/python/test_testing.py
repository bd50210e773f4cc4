"""bide.testing: waiting for the others, time, leaks, orders."""

import os
import threading

import pytest

import bide
from bide import testing


def test_wait_all_parked_lets_the_others_get_as_far_as_they_can():
    async def main():
        steps = []
        channel = bide.Channel(1)

        async def worker():
            for i in range(5):
                await bide.yield_now()
                steps.append(i)
            await channel.recv()
            steps.append("received")
            await bide.sleep(10)
            steps.append("slept")

        worker = bide.spawn(worker())
        await testing.wait_all_parked()
        assert steps == [0, 1, 2, 3, 4]
        await channel.send("go")
        await testing.wait_all_parked()
        assert steps[-1] == "received"
        assert bide.now() == 0
        await worker

    testing.run(main)


def test_wait_all_parked_of_several_ends_together():
    async def main():
        order = []

        async def waits(name):
            await testing.wait_all_parked()
            order.append(name)

        async with bide.TaskGroup() as tg:
            for name in "abc":
                tg.spawn(waits(name))
            await bide.yield_now()
            assert order == []
        assert order == ["a", "b", "c"]

    testing.run(main)


def test_wait_all_parked_waits_for_what_is_ready_in_the_system():
    async def main():
        ours, theirs = bide.socketpair()
        got = []

        async def reads():
            got.append(await theirs.read(10))

        reader = bide.spawn(reads())
        await testing.wait_all_parked()
        await ours.write(b"x")
        await testing.wait_all_parked()
        assert got == [b"x"]
        await reader
        ours.close()
        theirs.close()

    testing.run(main)
    testing.run(main, virtual_time=False)


def test_wait_all_parked_can_be_cancelled():
    async def main():
        async def busy():
            while True:
                await bide.yield_now()

        other = bide.spawn(busy())
        waits = bide.spawn(testing.wait_all_parked())
        await bide.yield_now()
        waits.cancel()
        with pytest.raises(bide.Cancelled):
            await waits
        other.cancel()

    testing.run(main)


# -- time ----------------------------------------------------------------------


def test_advance_runs_what_falls_due_in_its_order():
    async def main():
        seen = []

        async def ticks(period):
            while True:
                await bide.sleep(period)
                seen.append((bide.now(), period))

        two, three = bide.spawn(ticks(2)), bide.spawn(ticks(3))
        with testing.elapsed() as watch:
            await testing.advance(6)
            assert watch.seconds == 6
        await bide.sleep(0.5)
        assert watch.seconds == 6
        assert seen == [(2, 2), (3, 3), (4, 2), (6, 3), (6, 2)] or seen == [
            (2, 2),
            (3, 3),
            (4, 2),
            (6, 2),
            (6, 3),
        ]
        clock = testing.MockClock()
        await clock.jump(0.5)
        assert clock.current_time() == 7
        with pytest.raises(ValueError):
            await clock.jump(-1)
        two.cancel()
        three.cancel()

    testing.run(main)


def test_testing_run_has_a_timeout():
    async def main():
        await bide.sleep(100)

    with pytest.raises(TimeoutError):
        testing.run(main, timeout=10)


# -- leaks ---------------------------------------------------------------------


def leaks(main):
    with pytest.raises(testing.LeakError) as caught:
        testing.run(main, leaks=True)
    return str(caught.value)


def test_leak_check_is_silent_about_what_cleans_up():
    async def main():
        async with bide.TaskGroup() as tg:
            m = bide.Mutex(name="m")
            async with m:
                tg.spawn(bide.sleep(1))
        await bide.spawn_blocking(sum, [1, 2])
        ours, theirs = bide.socketpair()
        ours.close()
        theirs.close()
        async with await bide.listen_tcp("127.0.0.1", 0):
            pass
        return 42

    assert testing.run(main, leaks=True) == 42


def test_leak_check_names_tasks():
    async def forever():
        await bide.Event().wait()

    async def main():
        bide.spawn(forever(), name="lost")
        await testing.wait_all_parked()

    text = leaks(main)
    line = forever.__code__.co_firstlineno + 1
    assert "task 'lost' is not done" in text
    assert f"{__file__}:{line}" in text


def test_leak_check_names_streams_and_listeners():
    kept = []

    async def main():
        kept.append(await bide.listen_tcp("127.0.0.1", 0))

    text = leaks(main)
    assert "is open" in text
    assert repr(kept[0]).split()[0].strip("<") in text


def test_leak_check_names_descriptors():
    kept = []

    async def main():
        kept.append(os.open("/dev/null", os.O_RDONLY))

    try:
        assert f"descriptor {kept[0] if kept else ''}" in leaks(main)
    finally:
        os.close(kept[0])


def test_leak_check_names_jobs():
    gate = threading.Event()

    async def leaves():
        job = bide.spawn_blocking(gate.wait, 30)
        await bide.yield_now()
        assert not job.done()
        # Ends the job while the run ends and waits for it.
        threading.Timer(0.05, gate.set).start()

    text = leaks(leaves)
    assert "1 jobs of spawn_blocking() are running" in text


def test_leak_check_names_objects():
    kept = []

    async def main():
        kept.append(bide.Mutex(name="kept"))

    assert "'kept'" in leaks(main)


def test_leak_check_lets_the_own_failure_through():
    async def main():
        bide.spawn(bide.Event().wait())
        raise KeyError("first")

    with pytest.raises(KeyError):
        testing.run(main, leaks=True)


# -- orders --------------------------------------------------------------------


async def racy():
    """Fails in some orders."""
    log = []

    async def add(x):
        await bide.yield_now()
        log.append(x)

    async with bide.TaskGroup() as tg:
        for x in range(4):
            tg.spawn(add(x))
    assert log[0] != 3


def test_explore_finds_the_order_that_fails():
    with pytest.raises(AssertionError) as caught:
        testing.explore(racy, seeds=1000, start=1)
    (note,) = caught.value.__notes__
    seed = int(note.split()[-1])
    with pytest.raises(AssertionError):
        testing.run(racy, seed=seed)


def test_explore_runs_every_order_that_works():
    runs = []

    async def main():
        runs.append(1)

    testing.explore(main, seeds=7)
    assert len(runs) == 7
