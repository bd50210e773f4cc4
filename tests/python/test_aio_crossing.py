"""What is asyncio's behaves in native tasks as in asyncio's own: the same program on
asyncio's loop, on bide's, and in bide.run()."""

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
import weakref
from contextlib import nullcontext, suppress

import pytest

import bide


def stock(coro):
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(coro)


def aio(coro):
    with asyncio.Runner(loop_factory=bide.new_event_loop) as runner:
        return runner.run(coro)


def native(coro):
    return bide.run(coro)


everywhere = pytest.mark.parametrize("run", [stock, aio, native])
both = pytest.mark.parametrize("run", [aio, native])


# -- cancel(), as asyncio counts it ----------------------------------------------------


@everywhere
def test_cancel_before_a_wait_ends_it_with_its_message(run):
    async def main():
        me = asyncio.current_task()
        for wait in (asyncio.sleep, lambda _: asyncio.Event().wait(),
                     lambda _: asyncio.gather(asyncio.sleep(60))):
            me.cancel("first")
            me.cancel("why")
            with pytest.raises(asyncio.CancelledError, match="why"):
                await wait(60)
            assert me.uncancel() == 1
            assert me.uncancel() == 0
            await asyncio.sleep(0)

    run(main())


@everywhere
def test_cancel_of_a_wait_that_is_over_strikes(run):
    async def main():
        loop, me = asyncio.get_running_loop(), asyncio.current_task()
        event = asyncio.Event()
        loop.call_soon(event.set)
        loop.call_soon(me.cancel, "late")
        with pytest.raises(asyncio.CancelledError, match="late"):
            await event.wait()
        me.uncancel()
        loop.call_soon(me.cancel, "yield")
        with pytest.raises(asyncio.CancelledError, match="yield"):
            await asyncio.sleep(0)
        me.uncancel()
        await asyncio.sleep(0)

    run(main())


@everywhere
def test_timeout_of_no_time_ends_a_bare_yield(run):
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.sleep(0)
        assert asyncio.current_task().cancelling() == 0

    run(main())


@everywhere
def test_cancel_that_finds_no_wait_ends_the_task(run):
    async def main():
        asyncio.current_task().cancel("at the end")
        return "a result"

    with pytest.raises(asyncio.CancelledError, match="at the end"):
        run(main())


@everywhere
def test_task_that_awaits_itself_is_an_error(run):
    async def main():
        with pytest.raises(RuntimeError, match="Task cannot await on itself"):
            await asyncio.current_task()
        await asyncio.sleep(0)

    run(main())


@both
def test_reason_of_a_native_cancel_reaches_what_is_asyncios(run):
    async def main():
        task = bide.spawn(asyncio.sleep(60))
        await bide.yield_now()
        task.cancel("a reason")
        with pytest.raises(asyncio.CancelledError, match="a reason"):
            await task

    run(main())


def test_asyncios_group_in_a_cancelled_block_waits_at_rest():
    async def cleans_up():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.5)  # which a virtual clock only passes at rest
            ended.append("cleanup")

    async def main():
        with bide.move_on_after(0.001) as scope:
            async with asyncio.TaskGroup() as group:
                group.create_task(cleans_up())
        assert scope.cancelled_caught
        assert ended == ["cleanup"]

    ended = []
    bide.run(main(), virtual_clock=True)


# -- the end of a run -----------------------------------------------------------------


def leave_by_callback(error):
    def leave():
        raise error("first")

    asyncio.get_running_loop().call_soon(leave)


def leave_by_task(error):
    async def leave():
        raise error("first")

    kept.append(asyncio.create_task(leave()))


kept = []


@everywhere
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("leave", [leave_by_callback, leave_by_task])
def test_exit_lets_what_waits_for_asyncio_clean_up(run, leave, error):
    async def main():
        leave(error)
        try:
            await asyncio.sleep(60)
        finally:
            with bide.shield() if run is native else nullcontext():
                await asyncio.sleep(0.001)
            seen.append("cleanup")

    seen = []
    with pytest.raises(error, match="first"):
        run(main())
    assert seen == ["cleanup"]
    while kept:
        assert isinstance(kept.pop().exception(), error)


def test_second_exit_ends_the_cleanup():
    async def main():
        leave_by_callback(SystemExit)
        try:
            await asyncio.sleep(60)
        finally:
            leave_by_callback(KeyboardInterrupt)
            try:
                await asyncio.sleep(60)
            finally:
                seen.append("closed")

    seen = []
    with pytest.raises(SystemExit, match="first"):
        native(main())
    assert seen == ["closed"]


async def wait_for_each_other():
    async def wait(other):
        await tasks[other]

    tasks = []
    tasks.extend(asyncio.create_task(wait(1 - i)) for i in range(2))
    await asyncio.sleep(0)
    return tasks


async def wait_whatever_happens():
    async def wait():
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    return [task]


@pytest.mark.parametrize("start", [wait_for_each_other, wait_whatever_happens])
def test_tasks_of_asyncio_that_would_not_end_are_left_once(start, monkeypatch):
    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: None)
        return await start()

    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    tasks = native(main())
    assert [type(told.exc_value) for told in seen] == [bide.DeadlockError]
    assert str(seen[0].exc_value).count("asyncio task") >= len(tasks)
    for task in tasks:
        assert not task.done()
        task._log_destroy_pending = False


@everywhere
def test_generator_dropped_by_a_thread_is_closed(run):
    async def main():
        async def generate():
            try:
                yield 1
            finally:
                await asyncio.sleep(0)
                closed.set_result(threading.get_ident())

        closed = asyncio.get_running_loop().create_future()
        held = [generate()]
        assert await anext(held[0]) == 1
        await asyncio.to_thread(held.clear)
        assert await closed == threading.get_ident()

    run(main())


@everywhere
def test_coroutines_are_tracked_in_debug_mode_only(run):
    async def main():
        loop = asyncio.get_running_loop()
        loop.set_debug(False)
        await asyncio.sleep(0.001)
        seen.append(sys.get_coroutine_origin_tracking_depth())
        loop.set_debug(True)
        await asyncio.sleep(0.001)
        seen.append(sys.get_coroutine_origin_tracking_depth())

    seen = []
    run(main())
    assert seen[0] == 0 < seen[1]
    assert sys.get_coroutine_origin_tracking_depth() == 0


# -- what lives on --------------------------------------------------------------------


@both
def test_task_that_nobody_keeps_lives_on_in_an_operation(run):
    async def main():
        lock, channel, done = bide.Mutex(), bide.Channel(1), []

        async def locks():
            async with lock:
                done.append("locked")

        async def works(name, operation):
            await operation
            done.append(name)

        await lock.lock()
        for coro in (works("slept", bide.sleep(0.001)), locks(),
                     works("received", channel.recv()),
                     works("ran", bide.spawn_blocking(int)),
                     works("joined", bide.spawn(later()))):
            asyncio.create_task(coro)
        del coro
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()
        lock.unlock()
        await channel.send("item")
        while len(done) < 5:
            await asyncio.sleep(0.001)

    async def later():
        await asyncio.sleep(0.001)

    run(asyncio.wait_for(main(), 60))


@pytest.mark.filterwarnings("ignore:unclosed event loop")
def test_loop_is_collected_with_tasks_that_wait_in_operations():
    async def wait():
        await bide.sleep(3600)

    loop = bide.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    task = loop.create_task(wait())
    loop.call_soon(loop.call_soon, loop.stop)
    loop.run_forever()
    gone = weakref.ref(loop), weakref.ref(task)
    del loop, task
    gc.collect()
    assert [ref() for ref in gone] == [None, None]


# -- threads --------------------------------------------------------------------------


def test_first_runs_of_several_threads():
    code = """
        import sys, threading
        import bide

        async def main():
            import asyncio
            loop = asyncio.get_running_loop()
            await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0.001))
            asyncio.current_task().get_name()
            handle = loop.call_soon(int)
            await asyncio.sleep(0)
            kinds.add(type(handle))
            loops.append(loop)

        def run():
            barrier.wait()
            bide.run(main())

        sys.setswitchinterval(1e-6)
        kinds, loops, barrier = set(), [], threading.Barrier(6)
        threads = [threading.Thread(target=run) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(len(set(map(id, loops))), len(kinds))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)],
                          check=True, timeout=60, capture_output=True,
                          text=True)
    assert (done.stdout.split(), done.stderr) == (["6", "1"], "")


# -- deadlocks ------------------------------------------------------------------------


@both
def test_lock_that_closes_a_cycle_of_asyncios_tasks_is_an_error(run):
    async def both_of(first, second):
        async with first:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            async with second:
                return "both"

    async def main():
        locks = [bide.Mutex() for _ in range(3)]
        results = await asyncio.gather(
            *(both_of(locks[i], locks[(i + 1) % 3]) for i in range(3)),
            return_exceptions=True)
        assert results[:2] == ["both"] * 2
        assert isinstance(results[2], bide.DeadlockError)
        assert str(results[2]).count("waits for") == 3

    run(main())


def test_report_names_what_asyncios_tasks_wait_for():
    async def hold(lock):
        async with lock:
            await asyncio.get_running_loop().create_future()

    async def main():
        lock = bide.Mutex()
        tasks = [asyncio.create_task(hold(lock), name=f"task {i}")
                 for i in range(2)]
        await asyncio.gather(*tasks)

    with pytest.raises(bide.DeadlockError) as caught:
        native(main())
    assert 'asyncio task "task 0" waits for asyncio future' in str(caught.value)
    assert 'asyncio task "task 1" waits for Mutex.lock()' in str(caught.value)
    gc.collect()
