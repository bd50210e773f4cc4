"""asyncio inside bide.run(), and bide's operations in tasks of asyncio's."""

import asyncio
import gc
import sys
import threading
import weakref

import pytest

import bide
from sweep import settle


def native(coro):
    return bide.run(coro)


def aio(coro):
    with asyncio.Runner(loop_factory=bide.new_event_loop) as runner:
        return runner.run(coro)


both = pytest.mark.parametrize("run", [native, aio], ids=["native", "asyncio"])


async def later(value, turns=3):
    for _ in range(turns):
        await asyncio.sleep(0)
    return value


# -- asyncio in native tasks -----------------------------------------------------


@both
def test_asyncio_works(run):
    async def main():
        loop = asyncio.get_running_loop()
        assert isinstance(loop, bide.EventLoop)
        assert await asyncio.gather(later(1), later(2)) == [1, 2]
        assert await asyncio.to_thread(threading.get_ident) \
            != threading.get_ident()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(later("grouped"))
        assert task.result() == "grouped"
        queue = asyncio.Queue(1)
        task = loop.create_task(queue.get())
        await queue.put("item")
        assert await task == "item"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(60), 0.001)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.sleep(60)
        return "done"

    assert run(main()) == "done"


@both
def test_asyncio_timeout_ends_an_operation(run):
    async def main():
        channel = bide.Channel(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await channel.recv()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(channel.recv(), 0.001)
        await channel.send("kept")
        assert await channel.recv() == "kept"
        assert asyncio.current_task().cancelling() == 0

    run(main())


@both
def test_asyncio_task_group_cancels_its_parent(run):
    async def fail():
        raise ZeroDivisionError

    async def main():
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await bide.sleep(60)
        assert caught.value.subgroup(ZeroDivisionError)
        assert asyncio.current_task().cancelling() == 0
        await bide.sleep(0)

    run(main())


def test_native_timeout_ends_what_is_asyncios():
    async def main():
        ended = []

        async def slow():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(0)
                ended.append("cleanup")
                raise

        with pytest.raises(TimeoutError):
            with bide.timeout(0.001):
                await asyncio.create_task(slow())
        assert ended == ["cleanup"]
        with bide.move_on_after(60) as scope:
            scope.cancel()
            await asyncio.sleep(60)
        assert scope.cancelled_caught

    native(main())


def test_native_cancel_holds_on_in_what_is_asyncios():
    async def stubborn():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("first")
        await asyncio.sleep(60)

    async def main():
        task = bide.spawn(stubborn())
        await bide.yield_now()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    seen = []
    native(main())
    assert seen == ["first"]


def test_current_task_of_a_native_task():
    async def child(name):
        me = asyncio.current_task()
        assert me is asyncio.current_task()
        assert me.get_name() == name == bide.current_task().name
        await bide.yield_now()
        assert asyncio.current_task() is me
        return me

    async def main():
        one = bide.spawn(child("one"), name="one")
        two = bide.spawn(child("two"), name="two")
        view = await one
        assert view is not await two
        assert view.done()
        assert view.result() is view
        mine = asyncio.current_task()
        asyncio.get_running_loop().call_soon(
            lambda: seen.append(asyncio.current_task()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert seen == [None]
        assert asyncio.current_task() is mine
        aio_task = asyncio.create_task(current())
        assert await aio_task is aio_task

    async def current():
        assert bide.current_task() is None
        return asyncio.current_task()

    seen = []
    native(main())


def test_view_cancels_one_wait():
    async def child():
        views.append(asyncio.current_task())
        with pytest.raises(asyncio.CancelledError, match="why") as caught:
            await bide.sleep(60)
        assert type(caught.value) is asyncio.CancelledError
        await bide.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(0)
        views[0].cancel()
        assert views[0].cancelling() == 3
        with pytest.raises(asyncio.CancelledError):
            await bide.yield_now()
        views[0].cancel()
        for left in (3, 2, 1, 0, 0):
            assert views[0].uncancel() == left
        await bide.yield_now()
        return "through"

    async def main():
        task = bide.spawn(child())
        await bide.yield_now()
        views[0].cancel("why")
        await later(None, 10)
        await bide.sleep(0.001)
        views[0].cancel()
        assert await task == "through"
        assert not views[0].cancel()

    views = []
    native(main())


def test_view_is_a_future_of_the_task():
    async def child(error=None):
        views.append(asyncio.current_task())
        await bide.yield_now()
        if error:
            raise error
        return "result"

    async def main():
        task = bide.spawn(child())
        failing = bide.spawn(child(KeyError("k")))
        await bide.yield_now()
        done, pending = await asyncio.wait(views)
        assert len(done) == 2
        assert not pending
        assert views[0].result() == "result"
        assert isinstance(views[1].exception(), KeyError)
        await task
        with pytest.raises(KeyError):
            await failing

    views = []
    native(main())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="from 3.12 on")
@both
def test_eager_tasks(run):
    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
        mutex = bide.Mutex()

        async def locks(i):
            me = asyncio.current_task()
            async with mutex:
                await bide.yield_now()
            assert asyncio.current_task() is me
            return i

        mine = asyncio.current_task()
        tasks = [loop.create_task(locks(i)) for i in range(3)]
        assert asyncio.current_task() is mine
        await bide.yield_now()
        assert await asyncio.gather(*tasks) == [0, 1, 2]
        loop.set_task_factory(None)

    run(main())


def test_tasks_of_asyncio_end_with_the_run():
    async def background():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(await later("cleanup"))

    async def main():
        asyncio.create_task(background())
        await asyncio.sleep(0)

    ended = []
    native(main())
    assert ended == ["cleanup"]
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


def test_run_that_waits_for_a_future_nobody_sets_is_an_error():
    async def main():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(bide.DeadlockError, match="asyncio future"):
        native(main())


def test_stop_is_refused_in_a_run():
    async def main():
        with pytest.raises(RuntimeError, match="bide.run"):
            asyncio.get_running_loop().stop()

    native(main())


# -- bide in tasks of asyncio's -----------------------------------------------------


@both
def test_operations_work_in_tasks_of_asyncio(run):
    async def produce(channel):
        for i in range(5):
            await channel.send(i)
        channel.close()

    async def consume(channel):
        return [i async for i in channel]

    async def main():
        channel = bide.Channel(1)
        producer = asyncio.create_task(produce(channel))
        assert await asyncio.create_task(consume(channel)) == list(range(5))
        await producer
        future = bide.Future()
        asyncio.get_running_loop().call_soon(future.set_result, 7)
        assert await asyncio.ensure_future(future) == 7
        task = bide.spawn(later("native"))
        assert await task == "native"
        assert await bide.spawn_blocking(lambda: 8) == 8
        assert list(await bide.gather(later(1), later(2))) == [1, 2]
        await bide.sleep(0.001)

    run(main())


@both
def test_locks_are_held_by_tasks_of_asyncio(run):
    async def worker(mutex, log, i):
        async with mutex:
            log.append(i)
            await asyncio.sleep(0)
            await bide.yield_now()
            log.append(i)

    async def main():
        mutex, log = bide.Mutex(), []
        await asyncio.gather(*(worker(mutex, log, i) for i in range(4)))
        assert log == [0, 0, 1, 1, 2, 2, 3, 3]

    run(main())


@both
def test_lock_of_a_task_of_asyncio_that_ended_is_broken(run):
    async def holds(mutex):
        await mutex.lock()

    async def main():
        mutex = bide.Mutex()
        await asyncio.create_task(holds(mutex))
        with pytest.raises(bide.BrokenError):
            await asyncio.create_task(holds(mutex))

    run(main())


@both
def test_task_of_asyncio_that_locks_twice_is_a_deadlock(run):
    async def twice():
        mutex = bide.Mutex()
        async with mutex:
            with pytest.raises(bide.DeadlockError):
                await mutex.lock()

    async def main():
        await asyncio.create_task(twice())

    run(main())


@both
def test_task_cancelled_as_it_was_granted_gives_back(run):
    async def main():
        semaphore = bide.Semaphore(1)
        await semaphore.acquire()
        task = asyncio.create_task(take(semaphore))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        semaphore.release()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert semaphore.permits == 1

    async def take(semaphore):
        await semaphore.acquire()

    run(main())


def test_operation_in_a_callback_is_an_error():
    async def main():
        failed = asyncio.get_running_loop().create_future()

        def callback():
            try:
                bide.sleep(0).send(None)
            except bide.NoRuntimeError as error:
                failed.set_result(error)

        asyncio.get_running_loop().call_soon(callback)
        assert "in none" in str(await failed)

    aio(main())


def test_nothing_is_left_of_tasks():
    class Thing:
        pass

    async def hold(thing, channel):
        await channel.recv()

    async def main():
        channel = bide.Channel(1)
        thing = Thing()
        gone = weakref.ref(thing)
        task = asyncio.create_task(hold(thing, channel))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        del thing, task
        await asyncio.sleep(0)  # the handle of this step holds the task
        gc.collect()
        assert gone() is None

    aio(main())
    native(main())


def test_loop_closed_with_waiting_tasks():
    async def wait(channel):
        await channel.recv()

    loop = bide.new_event_loop()
    channel = bide.Channel(1)

    async def main():
        bide.spawn(wait(channel))
        asyncio.ensure_future(wait(channel))
        await settle()

    loop.set_exception_handler(lambda loop, context: None)
    loop.run_until_complete(main())
    loop.close()
    gc.collect()


def test_native_tasks_end_with_asyncio_run():
    async def background():
        try:
            await bide.sleep(60)
        finally:
            with bide.shield(60):
                await bide.sleep(0)
            ended.append("cleanup")

    async def failing():
        try:
            await bide.sleep(60)
        finally:
            raise KeyError("at the end")

    async def main():
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: ended.append(type(context["exception"])))
        bide.spawn(background())
        bide.spawn(failing())
        await settle()

    ended = []
    aio(main())
    assert sorted(map(str, ended)) == ["<class 'KeyError'>", "cleanup"]
