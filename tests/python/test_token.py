import gc
import threading
import weakref

import pytest

import bide
from sweep import settle


def run(coro, **options):
    return bide.run(coro, virtual_clock=True, **options)


def test_token_cancel_ends_the_waits_below():
    async def main():
        token = bide.CancelToken()
        reasons = []

        async def work():
            with token:
                try:
                    await bide.sleep(100)
                except bide.Cancelled as error:
                    reasons.append(str(error))
                    raise
            return "went on"

        tasks = [bide.spawn(work()) for _ in range(3)]
        await settle()
        assert token.cancel("enough")
        assert [await t for t in tasks] == ["went on"] * 3
        assert reasons == ["enough"] * 3
        assert token.cancelled
        assert token.reason == "enough"

    run(main())


def test_token_cancel_reaches_its_children():
    async def main():
        root = bide.CancelToken()
        leaf = root.child().child()
        task = bide.spawn(bide.sleep(100), token=leaf)
        await settle()
        root.cancel("root")
        with pytest.raises(bide.Cancelled, match="root"):
            await task
        assert leaf.cancelled
        assert leaf.reason == "root"

    run(main())


def test_token_child_cancel_leaves_the_parent_alone():
    async def main():
        parent = bide.CancelToken()
        child = parent.child(name="child")
        sibling = bide.CancelToken(parent=parent)
        tasks = [
            bide.spawn(bide.sleep(1), token=t) for t in (parent, child, sibling)
        ]
        await settle()
        child.cancel()
        got = await bide.gather(*tasks, return_exceptions=True)
        assert [type(g) for g in got] == [type(None), bide.Cancelled, type(None)]
        assert not parent.cancelled and not sibling.cancelled

    run(main())


def test_token_keeps_the_first_reason():
    token = bide.CancelToken()
    assert token.cancel("first")
    assert not token.cancel("second")
    assert token.reason == "first"
    with pytest.raises(bide.Cancelled, match="first"):
        token.raise_if_cancelled()


def test_token_cancelled_before_use_cancels_the_first_wait():
    async def main():
        token = bide.CancelToken()
        token.cancel("early")
        with token:
            reached = True
            await bide.sleep(1)
            pytest.fail("not reached")
        assert reached
        task = bide.spawn(bide.sleep(1), token=token)
        with pytest.raises(bide.Cancelled, match="early"):
            await task

    run(main())


def test_token_deadline_expires():
    async def main():
        with bide.CancelToken(timeout=2.0) as token:
            await bide.sleep(100)
        assert token.cancelled
        assert token.reason is None
        assert bide.now() == 2

    run(main())


def test_token_made_outside_starts_its_clock_at_its_first_use():
    token = bide.CancelToken(timeout=2)
    child = token.child(timeout=5)

    async def main():
        await bide.sleep(10)
        with child:
            await bide.sleep(100)
        assert bide.now() == 12
        assert token.cancelled

    run(main())


def test_token_cancels_a_task_spawned_under_it():
    async def main():
        token = bide.CancelToken()
        below = bide.spawn(bide.sleep(100), token=token)
        beside = bide.spawn(bide.sleep(1))
        async with bide.TaskGroup() as tg:
            grouped = tg.spawn(bide.sleep(100), token=token)
            await settle()
            token.cancel()
        with pytest.raises(bide.Cancelled):
            await below
        assert grouped.cancelled()
        await beside

    run(main())


def test_token_cancelled_from_a_thread():
    async def main():
        with bide.CancelToken() as token:
            threading.Thread(target=token.cancel, args=("thread",)).start()
            await bide.sleep(1000)
        assert token.reason == "thread"

    bide.run(main())


def test_token_cancelled_from_many_threads_once():
    async def main():
        token = bide.CancelToken()
        start = threading.Barrier(8)
        won = []

        def cancel(i):
            start.wait()
            if token.cancel(i):
                won.append(i)

        with token:
            threads = [threading.Thread(target=cancel, args=(i,)) for i in range(8)]
            for t in threads:
                t.start()
            await bide.sleep(1000)
        for t in threads:
            t.join()
        assert won == [token.reason]

    bide.run(main())


def test_token_block_is_entered_many_times():
    async def main():
        token = bide.CancelToken()
        with token:
            with token:
                token.cancel()
                await bide.sleep(1)
            await bide.sleep(1)
        assert bide.now() == 0

    run(main())


def test_token_of_another_runtime_is_an_error():
    token = bide.CancelToken()
    ready, finish = threading.Event(), threading.Event()

    async def owner():
        with token:
            ready.set()
            await bide.spawn_blocking(finish.wait)

    thread = threading.Thread(target=bide.run, args=(owner(),))
    thread.start()
    ready.wait()

    async def stranger():
        with pytest.raises(bide.WrongRuntimeError):
            token.__enter__()
        op = bide.sleep(0)
        with pytest.raises(bide.WrongRuntimeError):
            bide.spawn(op, token=token)
        await op

    bide.run(stranger())
    finish.set()
    thread.join()


def test_token_moves_to_a_later_run():
    token = bide.CancelToken(timeout=1000)

    async def main():
        with token:
            await bide.sleep(0)
        return token.cancelled

    assert bide.run(main()) is False
    assert bide.run(main()) is False
    token.cancel()
    assert bide.run(main()) is True


def test_token_arguments():
    with pytest.raises(TypeError, match="parent must be a CancelToken"):
        bide.CancelToken(parent=1)
    with pytest.raises(TypeError, match="name must be a str"):
        bide.CancelToken(name=1)
    with pytest.raises(TypeError, match="timeout must be a number"):
        bide.CancelToken(timeout="x")
    with pytest.raises(TypeError, match="at most 1 positional"):
        bide.CancelToken(1, None)
    token = bide.CancelToken(name="t")
    assert token.name == "t"
    assert repr(token) == "<CancelToken 't'>"
    token.cancel()
    assert repr(token) == "<CancelToken 't' cancelled>"

    async def main():
        op = bide.sleep(0)
        with pytest.raises(TypeError, match="must be a CancelToken"):
            bide.spawn(op, token=3)
        await op
        with pytest.raises(RuntimeError, match="by the task that"):
            token.__exit__(None, None, None)

    bide.run(main())


def test_token_in_a_cycle_is_collected():
    class Reason:
        pass

    token = bide.CancelToken()
    reason = Reason()
    reason.token = token
    token.cancel(reason)
    ref = weakref.ref(reason)
    del token, reason
    gc.collect()
    assert ref() is None


def test_token_chains_of_any_length_are_freed():
    token = bide.CancelToken()
    for _ in range(200_000):
        token = token.child()
    del token
    future = bide.Future()
    for _ in range(200_000):
        outer = bide.Future()
        outer.set_result(future)
        future = outer
    del future, outer
    channel = bide.Channel(1)
    for _ in range(200_000):
        outer = bide.Channel(1)
        outer.try_send(channel)
        channel = outer
    del channel, outer


def test_token_chain_of_tasks_is_freed():
    async def give(task):
        return task

    async def main():
        task = None
        for _ in range(100_000):
            task = bide.spawn(give(task))
            await task
        del task

    bide.run(main())
