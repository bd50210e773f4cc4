import asyncio
import gc
import sys
import threading
import types
import weakref

import pytest

import bide
from sweep import settle


def run(coro, **options):
    return bide.run(coro, virtual_clock=True, **options)


class Unraisable:
    """Collects what sys.unraisablehook gets."""

    def __enter__(self):
        self.seen = []
        self.old = sys.unraisablehook
        sys.unraisablehook = lambda args: self.seen.append(
            (args.err_msg, repr(args.exc_value), args.exc_traceback is not None)
        )
        return self.seen

    def __exit__(self, *_):
        sys.unraisablehook = self.old


async def value(v):
    return v


async def fail(error):
    raise error


def test_spawn_does_not_run_the_task_at_once():
    async def main():
        log = []

        async def work():
            log.append("task")

        task = bide.spawn(work())
        log.append("spawner")
        await task
        assert log == ["spawner", "task"]

    run(main())


def test_ready_tasks_run_in_fifo_order():
    async def main():
        log = []

        async def work(i):
            log.append(i)
            await bide.yield_now()
            log.append(10 + i)

        async with bide.TaskGroup() as tg:
            for i in range(5):
                tg.spawn(work(i))
        assert log == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]

    run(main())


def test_yield_lets_the_others_run_first():
    async def main():
        log = []

        async def other():
            log.append("other")

        bide.spawn(other())
        bide.spawn(other())
        await bide.yield_now()
        log.append("main")
        assert log == ["other", "other", "main"]

    run(main())


def test_always_ready_task_does_not_starve_others():
    async def main():
        turns = 0
        ready = bide.Event()
        ready.set()

        async def other():
            nonlocal turns
            turns += 1

        task = bide.spawn(other())
        for count in range(100_000):
            await ready.wait()
            if turns:
                break
        assert turns == 1
        assert 1 < count < 1000
        await task

    run(main())


def test_join_returns_the_result():
    async def main():
        async def work():
            await bide.sleep(5)
            return "result"

        assert await bide.spawn(work()) == "result"

    run(main())


def test_join_raises_the_error():
    async def main():
        error = ValueError("no")
        task = bide.spawn(fail(error))
        with pytest.raises(ValueError) as info:
            await task
        assert info.value is error
        assert [e.name for e in info.traceback][-1] == "fail"
        assert task.exception() is error
        with pytest.raises(ValueError):
            task.result()

    run(main())


def test_joined_error_does_not_collect_tracebacks():
    async def main():
        task = bide.spawn(fail(ValueError("no")))
        depths = []
        for _ in range(3):
            try:
                await task
            except ValueError as error:
                depth, tb = 0, error.__traceback__
                while tb:
                    depth, tb = depth + 1, tb.tb_next
                depths.append(depth)
        assert len(set(depths)) == 1

    run(main())


def test_join_of_a_done_task_does_not_wait():
    async def main():
        task = bide.spawn(value(3))
        await settle()
        assert task.done()
        ran = []
        bide.spawn(value(ran.append(1)))
        assert await task == 3
        assert await task == 3

    run(main())


def test_join_wakes_every_joiner():
    async def main():
        gate = bide.Event()
        log = []
        task = bide.spawn(gate.wait())

        async def joiner(i):
            await task
            log.append(i)

        async with bide.TaskGroup() as tg:
            for i in range(5):
                tg.spawn(joiner(i))
            await settle()
            gate.set()
        assert log == [0, 1, 2, 3, 4]

    run(main())


def test_join_cancelled_leaves_the_task_alone():
    async def main():
        gate = bide.Event()

        async def work():
            await gate.wait()
            return "went on"

        task = bide.spawn(work())

        async def join():
            await task

        joiner = bide.spawn(join())
        await settle()
        joiner.cancel()
        with pytest.raises(bide.Cancelled):
            await joiner
        gate.set()
        assert await task == "went on"

    run(main())


def test_join_of_itself_is_a_deadlock_error():
    async def main():
        with pytest.raises(bide.DeadlockError, match='waits for task "main"'):
            await bide.current_task()

    run(main())


def test_task_cancel_ends_its_wait():
    async def main():
        channel, event = bide.Channel(1), bide.Event()
        mutex, future = bide.Mutex(), bide.Future()
        await mutex.lock()

        async def of(awaitable):
            await awaitable

        waits = [
            bide.sleep(100),
            channel.recv(),
            event.wait(),
            of(mutex.lock()),
            of(future),
        ]
        for wait in waits:
            task = bide.spawn(wait)
            await settle()
            assert task.cancel("enough")
            assert not task.cancel()
            with pytest.raises(bide.Cancelled, match="enough"):
                await task
            assert task.cancelled()
            assert not task.cancel()

    run(main())


def test_task_cancelled_before_it_ran_ends_cancelled():
    async def main():
        ran = []

        async def work():
            ran.append(1)
            await bide.yield_now()
            ran.append(2)

        task = bide.spawn(work())
        task.cancel()
        with pytest.raises(bide.Cancelled):
            await task
        assert 2 not in ran
        assert task.cancelled()

    run(main())


def test_cancelled_is_asyncios():
    async def main():
        task = bide.spawn(bide.sleep(9))
        await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    assert issubclass(bide.Cancelled, asyncio.CancelledError)
    assert not issubclass(bide.Cancelled, Exception)


def test_task_has_its_name():
    async def main():
        assert bide.current_task().name == "main"
        task = bide.spawn(value(1), name="worker")
        assert task.name == "worker"
        assert "'worker'" in repr(task)
        task.name = "renamed"
        assert task.name == "renamed"
        other = bide.spawn(value(1))
        assert other.name.startswith("task-")
        assert other.name == other.name
        coro = value(1)
        with pytest.raises(TypeError, match="name must be a str"):
            bide.spawn(coro, name=3)
        coro.close()
        with pytest.raises(TypeError):
            task.name = None
        await task
        await other

    run(main())


def test_task_failure_nobody_looked_at_is_reported():
    async def main():
        bide.spawn(fail(ValueError("lost")), name="loser")
        await settle()

    with Unraisable() as seen:
        run(main())
    assert len(seen) == 1
    message, error, traceback = seen[0]
    assert "task 'loser'" in message
    assert error == "ValueError('lost')"
    assert traceback


def test_failure_of_a_kept_task_is_reported_at_the_end():
    kept = []

    async def main():
        kept.append(bide.spawn(fail(ValueError("kept"))))
        await settle()

    with Unraisable() as seen:
        run(main())
        assert len(seen) == 1
        kept.clear()
        gc.collect()
    assert len(seen) == 1


def test_failure_of_pooled_tasks_is_reported_each_time():
    async def main():
        for i in range(3):
            bide.spawn(fail(ValueError(i)))
            await settle()

    with Unraisable() as seen:
        run(main())
    assert [error for _, error, _ in seen] == [f"ValueError({i})" for i in range(3)]


def test_failure_somebody_looked_at_is_not_reported():
    async def main():
        task = bide.spawn(fail(ValueError("seen")))
        await settle()
        assert isinstance(task.exception(), ValueError)

    with Unraisable() as seen:
        run(main())
        gc.collect()
    assert seen == []


def test_async_function_runs_nothing_until_awaited():
    async def main():
        ran = []

        async def work():
            ran.append(1)

        coro = work()
        channel = bide.Channel(1)
        send = channel.send("x")
        await settle()
        assert ran == []
        assert len(channel) == 0
        await coro
        await send
        assert ran == [1]
        assert len(channel) == 1

    run(main())


def test_state_of_a_task():
    async def main():
        gate = bide.Event()

        async def work():
            await gate.wait()
            return 1

        task = bide.spawn(work(), name="t")
        assert "not started" in repr(task)
        assert not task.done()
        with pytest.raises(bide.InvalidStateError, match="not done"):
            task.result()
        with pytest.raises(asyncio.InvalidStateError):
            task.exception()
        await settle()
        assert "waiting for Event.wait()" in repr(task)
        assert "test_task.py" in repr(task)
        assert isinstance(task.get_coro(), types.CoroutineType)
        gate.set()
        assert await task == 1
        assert task.done() and not task.cancelled()
        assert task.result() == 1
        assert task.exception() is None
        assert task.get_coro() is None
        assert "done" in repr(task)

    run(main())


def test_foreign_awaitable_gets_a_clear_error():
    @types.coroutine
    def foreign():
        yield "something"

    async def main():
        with pytest.raises(RuntimeError, match="'main' awaited something that"):
            await foreign()
        loop = asyncio.new_event_loop()
        try:
            with pytest.raises(RuntimeError, match="a different loop"):
                await loop.create_future()
        finally:
            loop.close()
        return "went on"

    assert run(main()) == "went on"


def test_bare_yield_lets_others_run():
    @types.coroutine
    def bare():
        yield

    async def note():
        seen.append("other")

    async def main():
        bide.spawn(note())
        await bare()
        seen.append("main")

    seen = []
    run(main())
    assert seen == ["other", "main"]


def test_task_is_for_its_own_thread():
    async def main():
        task = bide.spawn(bide.sleep(1000))
        await settle()
        errors = []

        def meddle():
            try:
                task.cancel()
            except RuntimeError as error:
                errors.append(error)

        await bide.spawn_blocking(meddle)
        assert isinstance(errors[0], bide.WrongRuntimeError)
        assert "CancelToken" in str(errors[0])

    bide.run(main())


def test_task_of_an_earlier_run_keeps_its_result():
    async def first():
        task = bide.spawn(value(7))
        await settle()
        return task

    async def second(task):
        return await task

    assert run(second(run(first()))) == 7


def test_task_can_be_weakly_referenced():
    async def main():
        task = bide.spawn(value(1))
        ref = weakref.ref(task)
        await task
        del task
        gc.collect()
        assert ref() is None

    run(main())


def test_cycle_through_a_result_is_collected():
    class Box:
        pass

    async def main():
        box = Box()

        async def work():
            return box

        box.task = bide.spawn(work())
        await box.task
        ref = weakref.ref(box)
        del box
        gc.collect()
        assert ref() is None

    run(main())


def test_deep_chain_of_awaits():
    async def down(n):
        if n == 0:
            await bide.yield_now()
            return 0
        return 1 + await down(n - 1)

    async def main():
        assert await down(200) == 200

    run(main())


def test_many_tasks():
    async def main():
        async def work(i):
            await bide.sleep(i % 7)
            return i

        async with bide.TaskGroup() as tg:
            tasks = [tg.spawn(work(i)) for i in range(5000)]
        assert sum(t.result() for t in tasks) == sum(range(5000))

    run(main())


def test_types_are_final_and_generic():
    with pytest.raises(TypeError):
        type("Mine", (bide.Task,), {})
    with pytest.raises(TypeError):
        bide.Task()
    with pytest.raises(TypeError):
        bide.Task.name = 1
    assert bide.Task[int].__origin__ is bide.Task
    assert bide.Future[int].__args__ == (int,)


def test_threads_do_not_share_a_current_task():
    async def main():
        assert bide.current_task() is not None
        assert await bide.spawn_blocking(bide.current_task) is None

    bide.run(main())
    assert bide.current_task() is None
    assert threading.active_count() >= 1
