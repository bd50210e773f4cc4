"""asyncio's own API under virtual time, and wake-ups that other threads send."""

import asyncio
import threading

import pytest

import bide
from bide import testing

pytest_plugins = ["pytester"]


def test_sleeps_of_asyncio_are_virtual():
    async def main():
        loop = asyncio.get_running_loop()
        start = loop.time()
        await asyncio.sleep(3600)
        assert loop.time() - start == pytest.approx(3600)
        fired = []
        loop.call_later(20, fired.append, "second")
        loop.call_later(10, fired.append, "first")
        await bide.sleep(30)
        return fired

    assert testing.run(main) == ["first", "second"]


def test_timeout_and_task_group_are_virtual():
    async def main():
        ended = []

        async def work(seconds):
            await asyncio.sleep(seconds)
            ended.append(seconds)

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100):
                async with asyncio.TaskGroup() as group:
                    for seconds in (50, 20, 500):
                        group.create_task(work(seconds))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 1000)
        return ended

    assert testing.run(main) == [20, 50]


def test_advance_runs_timers_of_asyncio():
    async def main():
        fired = []
        asyncio.get_running_loop().call_later(5, fired.append, 1)
        await testing.advance(4)
        assert fired == []
        await testing.advance(1)
        return fired

    assert testing.run(main) == [1]


def test_plugin_runs_tests_of_asyncio(pytester):
    pytester.makepyfile("""
        import asyncio
        import pytest

        @pytest.fixture
        async def queue():
            yield asyncio.Queue()

        @pytest.mark.bide(virtual_time=True)
        async def test_a_day(queue):
            async def produce():
                await asyncio.sleep(86400)
                await queue.put("day")

            async with asyncio.timeout(90000), asyncio.TaskGroup() as group:
                group.create_task(produce())
                assert await queue.get() == "day"
    """)
    result = pytester.runpytest_inprocess(
        "-p", "bide.pytest_plugin", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)


# -- other threads ------------------------------------------------------------


def run_on_loop(main):
    with asyncio.Runner(loop_factory=bide.new_event_loop) as runner:
        return runner.run(main())


def test_no_wake_up_of_a_thread_is_lost():
    """Nothing else would wake the loop: one that is lost hangs this test."""
    rounds = 500

    async def main():
        loop = asyncio.get_running_loop()
        asked = threading.Semaphore(0)
        answers = []

        def answer():
            for _ in range(rounds):
                asked.acquire()
                loop.call_soon_threadsafe(answers[-1].set_result, None)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        for _ in range(rounds):
            answers.append(loop.create_future())
            asked.release()
            await answers[-1]
        thread.join()
        return len(answers)

    assert run_on_loop(main) == rounds


def test_calls_of_a_thread_run_in_the_next_turn():
    """However late the loop is, what a thread asked for while a callback ran comes
    next, before what that callback's own successors ask for."""
    async def main():
        loop = asyncio.get_running_loop()
        ran, done = [], loop.create_future()

        def from_thread():
            for i in range(100):
                loop.call_soon_threadsafe(ran.append, i)

        def busy():
            thread = threading.Thread(target=from_thread)
            thread.start()
            thread.join()
            loop.call_soon(then)

        def then():
            ran.append("own")
            loop.call_soon(done.set_result, None)

        loop.call_soon(busy)
        await done
        return ran

    assert run_on_loop(main) == [*range(100), "own"]


def test_call_of_a_thread_between_two_runs_waits():
    loop = bide.new_event_loop()
    ran = []
    thread = threading.Thread(
        target=loop.call_soon_threadsafe, args=(ran.append, 1))
    thread.start()
    thread.join()
    assert ran == []
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert ran == [1]
