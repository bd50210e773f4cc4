"""Blocks of bide's (timeouts, shields, tokens, groups) in tasks of asyncio's."""

import asyncio
import gc
import sys
import threading
import weakref

import pytest

import bide
from sweep import settle


def native(coro):
    """In a task of asyncio's under bide.run()."""
    async def main():
        return await asyncio.create_task(coro)

    return bide.run(main())


def aio(coro):
    with asyncio.Runner(loop_factory=bide.new_event_loop) as runner:
        return runner.run(coro)


both = pytest.mark.parametrize("run", [native, aio], ids=["native", "asyncio"])

#: What a task can wait for: in the core, or where the core does not see it.
waits = pytest.mark.parametrize(
    "wait", [bide.sleep, asyncio.sleep], ids=["core", "asyncio"])


def requests():
    return asyncio.current_task().cancelling()


async def forever():
    await asyncio.get_running_loop().create_future()


async def goes_on():
    """The cancellation is over."""
    assert requests() == 0
    await asyncio.sleep(0)
    await bide.sleep(0)
    await asyncio.sleep(0.001)


# -- timeouts ----------------------------------------------------------------------


@both
@waits
def test_timeout_raises_at_its_edge(run, wait):
    async def main():
        with pytest.raises(TimeoutError) as caught, bide.timeout(0.001) as scope:
            await wait(60)
        assert isinstance(caught.value.__cause__, asyncio.CancelledError)
        assert scope.expired()
        await goes_on()
        async with bide.timeout(60):
            await wait(0)
        await goes_on()

    run(main())


@both
@waits
def test_move_on_after_goes_on_after_the_block(run, wait):
    async def main():
        with bide.move_on_after(0.001) as scope:
            await wait(60)
        assert scope.cancelled_caught
        await goes_on()
        with bide.move_on_after(60) as scope:
            scope.cancel("enough")
            with pytest.raises(asyncio.CancelledError, match="enough"):
                await wait(60)
            raise KeyError("its own")
        await goes_on()

    with pytest.raises(KeyError, match="its own"):
        run(main())


@both
@waits
def test_outer_timeout_ends_the_inner_block(run, wait):
    async def main():
        with pytest.raises(TimeoutError), bide.timeout(0.001):
            with bide.timeout(60) as inner:
                await wait(60)
        assert not inner.expired()
        await goes_on()

    run(main())


@both
@waits
def test_inner_timeout_leaves_the_outer_block(run, wait):
    async def main():
        with bide.timeout(60) as outer:
            with pytest.raises(TimeoutError), bide.timeout(0.001):
                await wait(60)
            await goes_on()
        assert not outer.expired()

    run(main())


@both
@waits
def test_timeouts_at_the_same_time_end_at_the_outer_edge(run, wait):
    async def main():
        when = bide.now() + 0.001
        seen = []
        with pytest.raises(TimeoutError), bide.timeout_at(when):
            try:
                with bide.timeout_at(when):
                    await wait(60)
            except asyncio.CancelledError:
                seen.append("passed through")
                raise
        assert seen == ["passed through"]
        await goes_on()

    run(main())


@both
@waits
def test_blocks_of_both_nest(run, wait):
    async def main():
        with pytest.raises(TimeoutError), bide.timeout(0.001):
            async with asyncio.timeout(60):
                await wait(60)
        await goes_on()
        with bide.timeout(60):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await wait(60)
            await goes_on()

    run(main())


@both
@waits
def test_cancel_from_outside_goes_through_a_block(run, wait):
    async def work():
        try:
            with bide.move_on_after(60) as scope:
                scopes.append(scope)
                await wait(60)
        finally:
            counts.append(requests())

    async def main():
        for expired in (False, True):
            task = asyncio.create_task(work())
            await settle()
            if expired:
                scopes[-1].cancel()
            task.cancel("outside")
            with pytest.raises(asyncio.CancelledError):
                await task
            assert task.cancelled()
            assert not scopes[-1].cancelled_caught
        assert counts == [1, 1]

    scopes, counts = [], []
    run(main())


@both
def test_cleanup_after_a_cancel_may_have_timeouts(run):
    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            with bide.move_on_after(0.001) as scope:
                await asyncio.sleep(60)
            ended.append((scope.cancelled_caught, requests()))

    async def main():
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    ended = []
    run(main())
    assert ended == [(True, 1)]


@both
def test_block_that_swallows_its_cancel_gives_the_request_back(run):
    async def main():
        with bide.timeout(60) as scope:
            scope.cancel()
            with pytest.raises(asyncio.CancelledError):
                await forever()
            assert requests() == 1
            await asyncio.sleep(0)  # of asyncio's, once
            with pytest.raises(bide.Cancelled):  # of bide's, always
                await bide.sleep(0)
        await goes_on()

    run(main())


@both
def test_what_was_granted_is_delivered_before_the_cancel(run):
    async def work(channel, scopes):
        with bide.move_on_after(60) as scope:
            scopes.append(scope)
            got = await channel.recv()
            await forever()
        return got, scope.cancelled_caught

    async def main():
        channel, scopes = bide.Channel(1), []
        task = asyncio.create_task(work(channel, scopes))
        await settle()
        await channel.send("granted")
        scopes[0].cancel()
        assert await task == ("granted", True)

    run(main())


# -- shields ------------------------------------------------------------------------


@both
@waits
def test_shield_holds_a_timeout_off(run, wait):
    async def main():
        seen = []
        with bide.move_on_after(60) as scope:
            with bide.shield():
                scope.cancel()
                await wait(0.001)
                seen.append("in the shield")
            await wait(60)
        assert scope.cancelled_caught
        assert seen == ["in the shield"]
        await goes_on()

    run(main())


@both
@waits
def test_shield_with_a_grace_ends(run, wait):
    async def main():
        seen = []
        with bide.move_on_after(60) as scope:
            scope.cancel()
            try:
                with bide.shield(0.001):
                    await wait(60)
            finally:
                seen.append(requests())
        assert scope.cancelled_caught
        await goes_on()

    run(main())


# -- tokens -------------------------------------------------------------------------


@both
@waits
def test_token_cancelled_by_a_thread_ends_the_block(run, wait):
    async def main():
        token = bide.CancelToken()
        with token:
            threading.Timer(0.001, token.cancel, ("by a thread",)).start()
            with pytest.raises(asyncio.CancelledError, match="by a thread"):
                await wait(60)
            await wait(0) if wait is asyncio.sleep else None
        assert token.cancelled
        await goes_on()
        with token:  # cancelled already
            await wait(60)
            raise AssertionError
        await goes_on()

    run(main())


@both
@waits
def test_token_with_a_timeout_ends_the_block(run, wait):
    async def main():
        with bide.CancelToken(timeout=0.001) as token:
            await wait(60)
        assert token.cancelled
        await goes_on()

    run(main())


# -- groups -------------------------------------------------------------------------


async def fail(error):
    await bide.sleep(0.001)
    raise error


@both
@waits
def test_failing_child_ends_the_body(run, wait):
    async def main():
        with pytest.raises(ExceptionGroup) as caught:
            async with bide.TaskGroup() as group:
                group.spawn(fail(KeyError("child")))
                other = group.spawn(forever())
                await wait(60)
        assert caught.value.subgroup(KeyError)
        assert other.cancelled()
        await goes_on()

    run(main())


@both
@waits
def test_group_waits_for_its_tasks_and_can_be_cancelled(run, wait):
    async def main():
        async with bide.TaskGroup() as group:
            tasks = [group.spawn(wait(0.001)) for _ in range(3)]
        assert all(task.done() for task in tasks)
        await goes_on()
        async with bide.TaskGroup() as group:
            group.spawn(forever())
            group.cancel()
            await wait(60)
        await goes_on()

    run(main())


async def clean_up(ended):
    try:
        await bide.sleep(60)
    finally:
        with bide.shield():
            await bide.sleep(0.001)
        ended.append("cleanup")


async def in_group(ended):
    async with bide.TaskGroup() as group:
        group.spawn(clean_up(ended))


async def in_gather(ended):
    await bide.gather(clean_up(ended), forever())


async def in_race(ended):
    await bide.race(clean_up(ended), forever())


ends = pytest.mark.parametrize("work", [in_group, in_gather, in_race])


@both
@ends
def test_cancel_of_a_task_that_waits_for_others_waits_for_them(run, work):
    async def main():
        ended = []
        task = asyncio.create_task(work(ended))
        await settle()
        assert task.cancel("why")
        with pytest.raises(asyncio.CancelledError, match="why"):
            await task
        assert ended == ["cleanup"]
        assert task.cancelling() == 1

    run(main())


@both
@ends
def test_asyncio_timeout_around_others_waits_for_them(run, work):
    async def main():
        ended = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await work(ended)
        assert ended == ["cleanup"]
        await goes_on()

    run(main())


@ends
def test_view_cancelled_as_its_task_waits_for_others_waits_for_them(work):
    async def child(ended):
        views.append(asyncio.current_task())
        with pytest.raises(asyncio.CancelledError, match="why"):
            await work(ended)
        assert ended == ["cleanup"]
        await bide.sleep(0)

    async def main():
        task = bide.spawn(child([]))
        await settle()
        views[0].cancel("why")
        await task

    views = []
    bide.run(main())


@both
def test_errors_of_a_group_go_before_a_cancel(run):
    async def work():
        async with bide.TaskGroup() as group:
            group.spawn(fails_late())

    async def fails_late():
        try:
            await bide.sleep(60)
        finally:
            raise KeyError("late")

    async def main():
        task = asyncio.create_task(work())
        await settle()
        task.cancel()
        with pytest.raises(ExceptionGroup):
            await task

    run(main())


# -- odd ends -----------------------------------------------------------------------


@pytest.mark.skipif(sys.version_info < (3, 12), reason="from 3.12 on")
@both
def test_blocks_in_eager_tasks(run):
    async def work():
        with bide.move_on_after(0.001) as scope:
            await asyncio.sleep(60)
        return scope.cancelled_caught

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
        with bide.timeout(60):
            assert all(await asyncio.gather(work(), work()))
        loop.set_task_factory(None)
        await goes_on()

    run(main())


def test_loop_closed_with_open_blocks():
    async def in_timeout():
        with bide.timeout(0.002):
            await forever()

    async def in_token():
        with bide.CancelToken(timeout=0.002):
            await forever()

    async def in_task_group():
        async with bide.TaskGroup() as group:
            group.spawn(bide.sleep(60))
            await forever()

    async def main():
        for work in (in_timeout, in_token, in_task_group):
            tasks.append(asyncio.create_task(work()))
        await asyncio.sleep(0)

    tasks = []
    loop = bide.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    loop.run_until_complete(main())
    loop.close()
    gone = [weakref.ref(task) for task in tasks]
    tasks.clear()
    gc.collect()
    assert [ref() for ref in gone] == [None] * 3


def test_task_dropped_in_a_block():
    async def work():
        with bide.timeout(60), bide.CancelToken(timeout=60):
            await asyncio.Future()

    async def main():
        task = asyncio.create_task(work())
        gone = weakref.ref(task)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        gc.collect()
        assert gone() is None
        await bide.sleep(0)

    loop = bide.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    loop.run_until_complete(main())
    loop.close()
