import contextvars
import gc
import sys
import threading
import traceback
import weakref

import pytest

import bide
from sweep import settle


def test_blocking_gives_the_result():
    async def main():
        def work(a, b, *, c):
            return a, b, c, threading.get_ident()

        *rest, thread = await bide.spawn_blocking(work, 1, 2, c=3)
        assert rest == [1, 2, 3]
        assert thread != threading.get_ident()

    bide.run(main())


def test_blocking_gives_the_error():
    async def main():
        def inner_function():
            raise LookupError("no such thing")

        with pytest.raises(LookupError, match="no such thing") as caught:
            await bide.spawn_blocking(inner_function)
        text = "".join(traceback.format_exception(caught.value))
        assert "inner_function" in text

    bide.run(main())


def test_blocking_leaves_the_loop_running():
    async def main():
        go = threading.Event()
        job = bide.spawn_blocking(go.wait, 60)
        for _ in range(5):
            await bide.yield_now()
        await bide.sleep(0.001)
        assert not job.done()
        go.set()
        assert await job is True

    bide.run(main())


def test_blocking_jobs_run_at_the_same_time():
    async def main():
        barrier = threading.Barrier(3)
        jobs = [bide.spawn_blocking(barrier.wait, 60) for _ in range(3)]
        assert sorted([await job for job in jobs]) == [0, 1, 2]

    bide.run(main())


def test_blocking_jobs_start_in_fifo_order():
    async def main():
        order = []
        jobs = [bide.spawn_blocking(order.append, i) for i in range(20)]
        for job in jobs:
            await job
        assert order == list(range(20))

    bide.run(main(), pool_threads=1)


class Busy:
    """Keeps the one thread of a pool until told."""

    def __init__(self):
        self.started = threading.Event()
        self.go = threading.Event()

    def __call__(self):
        self.started.set()
        assert self.go.wait(60)
        return "late"


def test_blocking_queued_job_is_cancelled():
    async def main():
        busy, ran = Busy(), []
        first = bide.spawn_blocking(busy)
        queued = [bide.spawn_blocking(ran.append, i) for i in range(3)]
        assert queued[1].cancel() is True
        with pytest.raises(bide.Cancelled):
            await queued[1]
        assert queued[1].cancelled()
        busy.go.set()
        await first
        await queued[0]
        await queued[2]
        assert ran == [0, 2]

    bide.run(main(), pool_threads=1)


def test_blocking_queued_job_goes_with_its_task():
    async def main():
        busy, ran = Busy(), []
        first = bide.spawn_blocking(busy)

        async def waiter():
            await bide.spawn_blocking(ran.append, "never")

        t = bide.spawn(waiter())
        await settle()
        t.cancel()
        with pytest.raises(bide.Cancelled):
            await t
        with pytest.raises(TimeoutError):
            with bide.timeout(0):
                await bide.spawn_blocking(ran.append, "never either")
        kept = bide.spawn_blocking(ran.append, "nobody waits for this one")
        del kept
        gc.collect()
        busy.go.set()
        await first
        await bide.spawn_blocking(ran.append, "last")
        assert ran == ["nobody waits for this one", "last"]

    bide.run(main(), pool_threads=1)


def test_blocking_started_job_runs_to_its_end():
    async def main():
        busy = Busy()
        ended = threading.Event()

        def work():
            busy()
            ended.set()

        job = bide.spawn_blocking(work)
        assert busy.started.wait(60)
        job.cancel("changed my mind")
        with pytest.raises(bide.Cancelled, match="changed my mind"):
            await job
        assert not ended.is_set()
        busy.go.set()
        assert await bide.spawn_blocking(ended.wait, 60)

    bide.run(main())


def test_blocking_shutdown_names_stuck_jobs():
    busy = Busy()

    async def main():
        bide.spawn_blocking(busy, name="stuck-1")
        assert busy.started.wait(60)

    with pytest.warns(RuntimeWarning, match=r"stuck-1 \(.*test_blocking.py"):
        bide.run(main(), shutdown_timeout=0.01)
    busy.go.set()


def test_blocking_shutdown_waits_for_running_jobs():
    ended = []

    def work():
        token = bide.current_token()
        while not token.cancelled:
            threading.Event().wait(0.001)
        ended.append(True)

    async def main():
        started = bide.Future()
        bide.spawn_blocking(lambda: (started.set_result(None), work()))
        await started

    bide.run(main())
    assert ended == [True]


def test_thread_of_its_own_feeds_a_channel():
    async def main():
        ch = bide.Channel(2)

        def produce(n):
            for i in range(n):
                ch.send_blocking(i)
            ch.close()
            return "done"

        thread = bide.spawn_thread(produce, 100, name="producer")
        assert [v async for v in ch] == list(range(100))
        assert await thread == "done"

    bide.run(main())


def test_thread_takes_no_place_in_the_pool():
    async def main():
        busy = Busy()
        thread = bide.spawn_thread(busy)
        assert await bide.spawn_blocking(lambda: "free") == "free"
        busy.go.set()
        assert await thread == "late"

    bide.run(main(), pool_threads=1)


# -- tokens -------------------------------------------------------------------


def test_blocking_job_sees_its_token():
    async def main():
        seen = []
        started = threading.Event()

        def work():
            token = bide.current_token()
            assert token is bide.current_token()
            started.set()
            while not token.cancelled:
                threading.Event().wait(0.001)
            seen.append(token.cancelled)

        for cancel in ("future", "token"):
            started.clear()
            token = bide.CancelToken()
            job = bide.spawn_blocking(work, token=token)
            await bide.spawn_blocking(started.wait, 60)
            job.cancel() if cancel == "future" else token.cancel()
            while len(seen) < (1 if cancel == "future" else 2):
                await bide.sleep(0.001)
            assert token.cancelled == (cancel == "token")
        assert bide.current_token() is None

    bide.run(main())


def test_blocking_started_job_is_told_when_its_task_goes():
    async def main():
        started, ended = threading.Event(), threading.Event()

        def work():
            token = bide.current_token()
            started.set()
            while not token.cancelled:
                threading.Event().wait(0.001)
            ended.set()

        async def waiter():
            await bide.spawn_blocking(work)

        t = bide.spawn(waiter())
        await bide.spawn_blocking(started.wait, 60)
        t.cancel("enough")
        with pytest.raises(bide.Cancelled, match="enough"):
            await t
        assert await bide.spawn_blocking(ended.wait, 60)

    bide.run(main())


def test_blocking_under_a_cancelled_token_never_starts():
    async def main():
        busy, ran = Busy(), []
        token = bide.CancelToken()
        first = bide.spawn_blocking(busy)
        queued = bide.spawn_blocking(ran.append, 1, token=token)
        token.cancel("too late")
        after = bide.spawn_blocking(ran.append, 2, token=token)
        with pytest.raises(bide.Cancelled, match="too late"):
            await after
        busy.go.set()
        await first
        with pytest.raises(bide.Cancelled, match="too late"):
            await queued
        assert ran == []

    bide.run(main(), pool_threads=1)


# -- surroundings -------------------------------------------------------------


def test_blocking_job_has_a_copy_of_the_context():
    async def main():
        var = contextvars.ContextVar("var", default="unset")
        var.set("outer")

        def work():
            before = var.get()
            var.set("inner")
            return before

        assert await bide.spawn_blocking(work) == "outer"
        assert var.get() == "outer"

    bide.run(main())


def test_blocking_thread_locals_last_with_the_thread():
    async def main():
        local = threading.local()

        def work():
            local.count = getattr(local, "count", 0) + 1
            return local.count

        assert [await bide.spawn_blocking(work) for _ in range(3)] == [1, 2, 3]

    bide.run(main(), pool_threads=1)


def test_blocking_job_cannot_use_the_runtime():
    async def main():
        event, mutex = bide.Event(), bide.Mutex()
        event.clear()
        async with mutex:
            pass

        def wrong():
            with pytest.raises(bide.WrongRuntimeError, match="Event"):
                event.set()
            with pytest.raises(bide.NoRuntimeError):
                mutex.try_lock()
            with pytest.raises(bide.NoRuntimeError, match="spawn"):
                coro = bide.sleep(0)
                try:
                    bide.spawn(coro)
                finally:
                    coro.close()
            with pytest.raises(bide.NoRuntimeError, match="spawn_blocking"):
                bide.spawn_blocking(print)
            return "checked"

        assert await bide.spawn_blocking(wrong) == "checked"

    bide.run(main())


def test_blocking_job_may_run_a_runtime_of_its_own():
    async def inner():
        return await bide.spawn_blocking(lambda: bide.current_token() is None)

    async def main():
        return await bide.spawn_blocking(lambda: bide.run(inner()))

    assert bide.run(main()) is False


def test_blocking_job_settles_futures_and_channels():
    async def main():
        future, ch = bide.Future(), bide.Channel(1)

        def work():
            future.set_result("f")
            assert ch.try_send("c")

        job = bide.spawn_blocking(work)
        assert await future == "f"
        assert await ch.recv() == "c"
        await job

    bide.run(main())


def test_blocking_failure_nobody_looked_at_is_reported(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)

    async def main():
        def work():
            raise LookupError("nobody saw this")

        bide.spawn_blocking(work, name="lost-1")
        await bide.spawn_blocking(lambda: None)

    bide.run(main(), pool_threads=1)
    assert [str(report.exc_value) for report in seen] == ["nobody saw this"]
    assert "blocking job" in seen[0].err_msg and "lost-1" in str(seen[0])


def test_blocking_holds_its_function_no_longer_than_needed():
    class Work:
        def __call__(self):
            return None

    async def main():
        work = Work()
        gone = weakref.ref(work)
        job = bide.spawn_blocking(work)
        del work
        await job
        assert gone() is None

    bide.run(main())


def test_blocking_arguments_are_checked():
    async def main():
        with pytest.raises(TypeError, match="function"):
            bide.spawn_blocking()
        with pytest.raises(TypeError, match="not int"):
            bide.spawn_blocking(3)
        with pytest.raises(TypeError, match="name must be a str"):
            bide.spawn_blocking(print, name=3)
        with pytest.raises(TypeError, match="token must be"):
            bide.spawn_blocking(print, token=3)

    bide.run(main())
    with pytest.raises(bide.NoRuntimeError, match="spawn_blocking"):
        bide.spawn_blocking(print)


def test_blocking_stop_iteration_is_an_error():
    class Stop(StopIteration):
        pass

    def work(error):
        raise error

    async def main():
        for spawn in (bide.spawn_blocking, bide.spawn_thread):
            for error in (StopIteration(5), Stop()):
                with pytest.raises(RuntimeError, match="work.* raised StopIter"
                                   ) as caught:
                    await spawn(work, error)
                assert caught.value.__cause__ is error

    bide.run(main())
