import asyncio
import contextvars
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import warnings

import pytest

import bide


def python(code, *options, **kwargs):
    """Runs `code` in a fresh interpreter: (exit status, stdout, stderr)."""
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        **kwargs,
    )
    return done.returncode, done.stdout, done.stderr


def test_run_returns_the_main_result():
    async def main():
        return 42

    assert bide.run(main()) == 42


def test_run_raises_the_main_error():
    async def main():
        await bide.yield_now()
        raise KeyError("k")

    with pytest.raises(KeyError, match="k") as info:
        bide.run(main())
    assert info.traceback[-1].name == "main"


def test_run_inside_a_run_is_an_error():
    async def inner():
        return 1

    async def main():
        coro = inner()
        with pytest.raises(RuntimeError, match="inside a running runtime"):
            bide.run(coro)
        return await coro

    assert bide.run(main()) == 1


def test_run_inside_asyncio_is_an_error():
    async def inner():
        return 1

    async def main():
        coro = inner()
        with pytest.raises(RuntimeError, match="asyncio"):
            bide.run(coro)
        return await coro

    assert asyncio.run(main()) == 1


def test_run_can_be_repeated():
    async def main(i):
        await bide.sleep(0.001)
        return i

    assert [bide.run(main(i)) for i in range(5)] == list(range(5))


def test_run_cancels_background_tasks_at_its_end():
    log = []

    async def background():
        try:
            await bide.sleep(1000)
        except bide.Cancelled as error:
            log.append(str(error))
            with bide.shield():
                await bide.sleep(0.5)
                log.append("cleaned")
            raise

    async def main():
        bide.spawn(background())
        await bide.yield_now()

    bide.run(main(), virtual_clock=True)
    assert log == ["the runtime is ending", "cleaned"]


def test_run_that_cannot_go_on_is_an_error():
    async def other(gate):
        await gate.wait()

    async def main():
        gate = bide.Event(name="gate")
        bide.spawn(other(gate), name="other")
        await bide.Future(name="never")

    with pytest.raises(bide.DeadlockError) as info:
        bide.run(main())
    report = str(info.value)
    assert 'waits for Future "never": await, for ' in report
    assert 'waits for Event "gate" (made at test_run.py:' in report
    assert "test_run.py:103 in other" in report


def test_deadlocked_tasks_still_clean_up():
    log = []

    async def main():
        try:
            await bide.Future()
        finally:
            log.append("cleaned")

    with pytest.raises(bide.DeadlockError):
        bide.run(main())
    assert log == ["cleaned"]


def test_run_waits_while_another_thread_may_wake_it():
    async def main():
        future = bide.Future()
        release = threading.Event()

        def settle():
            release.wait()
            future.set_result("from a thread")

        thread = threading.Thread(target=settle)
        thread.start()
        release.set()
        value = await future
        thread.join()
        return value

    assert bide.run(main()) == "from a thread"


def test_stall_is_noticed_when_the_last_thread_ends():
    async def main():
        started = threading.Event()
        thread = threading.Thread(target=started.wait)
        thread.start()
        started.set()
        await bide.Future()

    with pytest.raises(bide.DeadlockError):
        bide.run(main())


def test_operation_outside_a_run_is_an_error():
    m = bide.Mutex()
    coro = m.lock()
    with pytest.raises(bide.NoRuntimeError, match=r"Mutex.lock\(\).*bide.run"):
        coro.send(None)
    op = m.lock()
    with pytest.raises(bide.NoRuntimeError, match=r"bide.spawn\(\)"):
        bide.spawn(op)
    op.close()
    with pytest.raises(bide.NoRuntimeError):
        bide.now()
    with pytest.raises(bide.NoRuntimeError):
        bide.timeout(1).__enter__()


def test_operation_in_asyncio_is_an_error():
    async def main():
        with pytest.raises(bide.NoRuntimeError, match="asyncio"):
            await bide.sleep(0)

    asyncio.run(main())


def test_object_of_another_run_is_an_error():
    event = bide.Event()
    ready, finish = threading.Event(), threading.Event()

    async def owner():
        waiter = bide.spawn(event.wait())
        await bide.yield_now()
        ready.set()
        await bide.spawn_blocking(finish.wait)
        event.set()
        await waiter

    thread = threading.Thread(target=bide.run, args=(owner(),))
    thread.start()
    ready.wait()

    async def stranger():
        with pytest.raises(bide.WrongRuntimeError):
            await event.wait()
        with pytest.raises(bide.WrongRuntimeError):
            event.set()

    bide.run(stranger())
    with pytest.raises(bide.WrongRuntimeError):
        event.set()
    finish.set()
    thread.join()


def test_object_moves_to_a_later_run():
    m = bide.Mutex()

    async def main():
        async with m:
            await bide.yield_now()
        return True

    assert bide.run(main())
    assert bide.run(main())


def test_runs_in_two_threads():
    results = []

    async def main(i):
        for _ in range(50):
            await bide.sleep(0.0001)
        return i

    threads = [
        threading.Thread(target=lambda i=i: results.append(bide.run(main(i))))
        for i in range(4)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(results) == [0, 1, 2, 3]


def test_main_must_be_awaitable():
    async def main():
        pass

    with pytest.raises(TypeError, match=r"call the async function: f\(\)"):
        bide.run(main)
    with pytest.raises(TypeError, match="needs a coroutine"):
        bide.run(3)
    op = bide.sleep(0)
    with pytest.raises(TypeError, match="unexpected keyword"):
        bide.run(op, nonsense=1)
    bide.run(op)


def test_main_may_be_any_awaitable():
    class Awaitable:
        def __await__(self):
            yield from bide.sleep(0).__await__()
            return "done"

    assert bide.run(Awaitable()) == "done"


def test_seed_changes_the_order_and_repeats():
    async def work(log, i):
        log.append(i)

    async def main():
        log = []
        async with bide.TaskGroup() as tg:
            for i in range(12):
                tg.spawn(work(log, i))
        return log

    orders = {tuple(bide.run(main(), seed=s)) for s in range(1, 9)}
    assert len(orders) > 1
    assert bide.run(main(), seed=5) == bide.run(main(), seed=5)
    assert bide.run(main()) == list(range(12))


def test_tasks_run_in_a_copy_of_the_context():
    var = contextvars.ContextVar("var", default=0)

    async def child():
        assert var.get() == 1
        var.set(2)
        await bide.yield_now()
        return var.get()

    async def main():
        var.set(1)
        task = bide.spawn(child())
        var.set(3)
        assert await task == 2
        assert var.get() == 3
        own = contextvars.copy_context()
        own.run(var.set, 1)
        assert await bide.spawn(child(), context=own) == 2
        assert own[var] == 2

    bide.run(main())
    assert var.get() == 0


def test_dropped_async_generator_is_closed():
    log = []

    async def numbers():
        try:
            yield 1
            yield 2
        finally:
            await bide.sleep(0.01)
            log.append("closed")

    async def main():
        async for n in numbers():
            log.append(n)
            break
        gc.collect()
        await bide.sleep(1)
        assert log == [1, "closed"]

    bide.run(main(), virtual_clock=True)


def test_async_generator_in_use_is_closed_at_the_end():
    log = []
    kept = []

    async def numbers():
        try:
            yield 1
        finally:
            await bide.sleep(0.01)
            log.append("closed")

    async def main():
        kept.append(numbers())
        await anext(kept[0])

    bide.run(main(), virtual_clock=True)
    assert log == ["closed"]
    assert sys.get_asyncgen_hooks() == (None, None)


def test_system_exit_in_a_task_ends_the_run():
    log = []

    async def leaver():
        raise SystemExit(3)

    async def main():
        bide.spawn(leaver())
        try:
            await bide.sleep(1000)
        finally:
            log.append("cleaned")

    with pytest.raises(SystemExit) as info:
        bide.run(main(), virtual_clock=True)
    assert info.value.code == 3
    assert log == ["cleaned"]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_exit_of_main_lets_the_others_clean_up(error):
    log = []

    async def background():
        try:
            await bide.sleep(1000)
        finally:
            with bide.shield():
                await bide.sleep(1)
            log.append("cleaned")

    async def main():
        bide.spawn(background())
        await bide.yield_now()
        raise error

    with pytest.raises(error):
        bide.run(main(), virtual_clock=True)
    assert log == ["cleaned"]


def test_interrupt_during_the_cleanup_ends_it():
    log = []

    async def background():
        try:
            await bide.sleep(1000)
        finally:
            with bide.shield():
                await bide.sleep(1)
                raise KeyboardInterrupt

    async def stubborn():
        try:
            await bide.sleep(1000)
        finally:
            with bide.shield():
                try:
                    await bide.sleep(1000)
                except GeneratorExit:
                    log.append("closed")
                    raise

    async def main():
        bide.spawn(background())
        bide.spawn(stubborn())
        await bide.yield_now()
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        bide.run(main(), virtual_clock=True)
    assert log == ["closed"]


def test_keyboard_interrupt_cancels_main_and_is_raised():
    log = []

    async def main():
        bide.spawn(background())
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await bide.sleep(1000)
        finally:
            with bide.shield():
                await bide.sleep(0.001)
            log.append("main")

    async def background():
        try:
            await bide.sleep(1000)
        finally:
            log.append("background")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        bide.run(main())
    assert log == ["main", "background"]
    assert signal.getsignal(signal.SIGINT) is before


def test_second_keyboard_interrupt_is_raised_at_once():
    async def main():
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(10):
            pass
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass
        pytest.fail("not reached")

    with pytest.raises(KeyboardInterrupt):
        bide.run(main())


def test_keyboard_interrupt_while_polling():
    status, out, err = python(
        """
        import bide, os, signal, threading

        async def main():
            ready = threading.Event()
            def interrupt():
                ready.wait()
                os.kill(os.getpid(), signal.SIGINT)
            threading.Thread(target=interrupt).start()
            bide.spawn(set_later(ready))
            try:
                await bide.sleep(1000)
            finally:
                print("cleanup", flush=True)

        async def set_later(ready):
            ready.set()

        try:
            bide.run(main())
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    assert (status, out) == (0, "cleanup\ninterrupted\n"), err


def test_signal_handler_runs_while_polling():
    async def main():
        future = bide.Future()
        old = signal.signal(signal.SIGUSR1, lambda *_: future.set_result(1))
        try:
            threading.Thread(
                target=os.kill, args=(os.getpid(), signal.SIGUSR1)
            ).start()
            return await future
        finally:
            signal.signal(signal.SIGUSR1, old)

    assert bide.run(main()) == 1


def test_stuck_blocking_work_is_named_at_the_end():
    release = threading.Event()

    def dig():
        release.wait()

    async def main():
        started = threading.Event()
        bide.spawn_blocking(lambda: (started.set(), dig()))
        await bide.spawn_blocking(started.wait)

    with pytest.warns(RuntimeWarning, match="still running after"):
        bide.run(main(), shutdown_timeout=0.01)
    release.set()


def test_debug_names_where_an_operation_was_made():
    async def main():
        op = bide.sleep(1)
        await bide.yield_now()
        del op

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bide.run(main(), debug=True)
    assert len(caught) == 1
    assert "made at" in str(caught[0].message)
    assert "test_run.py:" in str(caught[0].message)


def test_seed_is_checked():
    for seed, error in (-1, ValueError), (2**64, ValueError), ("", TypeError):
        with pytest.raises(error, match="seed must be"):
            bide.run(None, seed=seed)
