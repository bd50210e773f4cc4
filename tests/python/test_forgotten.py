"""What nobody awaited or looked at, and locks of threading held meanwhile."""

import gc
import queue
import sys
import threading
import warnings

import pytest

import bide


def run(coro, **options):
    return bide.run(coro, virtual_clock=True, **options)


def warned(coro, **options):
    """The warnings of a run: (text, file, line)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(coro, **options)
        gc.collect()
    return [(str(w.message), w.filename, w.lineno) for w in caught]


def line_of(function, offset):
    return function.__code__.co_firstlineno + offset


@pytest.mark.parametrize(
    "make",
    [
        lambda: bide.sleep(1),
        lambda: bide.yield_now(),
        lambda: bide.Mutex().lock(),
        lambda: bide.Channel(1).send("lost"),
        lambda: bide.Channel(1).recv(),
        lambda: bide.Event().wait(),
        lambda: bide.gather(bide.Future()),
        lambda: bide.race(bide.Future()),
        lambda: bide.connect_tcp("127.0.0.1", 1),
    ],
)
def test_forgotten_awaitable_names_its_line(make):
    async def main():
        operation = make()
        await bide.yield_now()
        del operation

    ((text, file, line),) = warned(main())
    assert file == __file__
    assert line == make.__code__.co_firstlineno
    assert text.endswith(f"was never awaited, made at {file}:{line}")


def test_forgotten_awaitable_of_a_coroutine_names_its_line():
    async def main():
        bide.Channel(1).send("lost")

    ((_, file, line),) = warned(main())
    assert (file, line) == (__file__, line_of(main, 1))


def test_forgotten_failure_is_reported_at_the_end_of_the_run(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    kept = []

    async def fails():
        raise KeyError("lost")

    async def main():
        kept.append(bide.spawn(fails(), name="loser"))
        await bide.sleep(1)
        assert not seen

    run(main())
    (report,) = seen
    assert isinstance(report.exc_value, KeyError)
    assert "loser" in report.err_msg
    assert report.exc_traceback.tb_frame.f_code is fails.__code__


# -- locks ---------------------------------------------------------------------


def test_lock_of_threading_held_across_an_await_is_reported():
    async def main():
        lock = threading.Lock()
        with lock:
            await bide.sleep(1)
            await bide.sleep(1)

    ((text, file, line),) = warned(main(), debug=True)
    assert (file, line) == (__file__, line_of(main, 2))
    assert text.startswith(
        f"task 'main' waits at {__file__}:{line_of(main, 3)} in main while it "
        f"holds the threading.Lock taken at {__file__}:{line}: "
    )


def test_lock_of_threading_is_the_business_of_its_task():
    async def holds(lock):
        with lock, lock:
            await bide.yield_now()

    async def main():
        first = bide.spawn(holds(threading.RLock()), name="first")
        await bide.yield_now()
        await first

    texts = [text for text, _, _ in warned(main(), debug=True)]
    assert len(texts) == 2
    assert all(t.startswith("task 'first' waits at ") for t in texts)
    assert all("threading.RLock" in t for t in texts)


def test_lock_of_threading_released_before_the_await_is_fine():
    async def main():
        lock = threading.Lock()
        for _ in range(3):
            with lock:
                assert lock.locked()
            assert not lock.locked()
            await bide.sleep(1)
        jobs = queue.Queue()
        jobs.put(1)
        assert jobs.get() == 1
        condition = threading.Condition()
        with condition:
            condition.wait(0.001)
            condition.notify_all()

        def work():
            with lock:
                return 42

        assert await bide.spawn_blocking(work) == 42

    assert warned(main(), debug=True) == []


def test_lock_of_threading_is_traced_in_debug_runs_only():
    plain = threading.Lock, threading.RLock

    async def main():
        assert ((threading.Lock, threading.RLock) != plain) == debug

    for debug in [False, True, False]:
        run(main(), debug=debug)
        assert (threading.Lock, threading.RLock) == plain


def test_lock_of_threading_is_traced_in_many_threads_at_once():
    before = sys.getswitchinterval()

    def work(lock):
        for _ in range(5000):
            with lock, threading.RLock():
                pass

    async def main():
        shared = threading.Lock()
        jobs = [bide.spawn_blocking(work, lock)
                for lock in [shared, shared, threading.Lock()]]
        while not all(job.done() for job in jobs):
            for _ in range(100):
                with shared:
                    pass
            await bide.yield_now()
        for job in jobs:
            await job
        with pytest.raises(RuntimeError):
            shared.release()
        with shared:
            await bide.yield_now()

    sys.setswitchinterval(1e-6)
    try:
        ((text, _, _),) = warned(main(), debug=True)
    finally:
        sys.setswitchinterval(before)
    assert "threading.Lock" in text


def test_lock_of_threading_made_an_error_is_not_lost(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)

    async def main():
        with threading.Lock():
            await bide.sleep(1)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(main(), debug=True)
    assert isinstance(seen[0].exc_value, RuntimeWarning)
