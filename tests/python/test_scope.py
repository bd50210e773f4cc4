import asyncio
import gc
import weakref

import pytest

import bide
from sweep import settle


def run(coro, **options):
    return bide.run(coro, virtual_clock=True, **options)


# -- cancellation --------------------------------------------------------------


def test_scope_cancel_is_level_triggered():
    async def main():
        count = 0

        async def stubborn():
            nonlocal count
            for _ in range(5):
                try:
                    await bide.sleep(10)
                except bide.Cancelled:
                    count += 1
            await bide.yield_now()

        task = bide.spawn(stubborn())
        await settle()
        task.cancel()
        with pytest.raises(bide.Cancelled):
            await task
        assert count == 5
        assert bide.now() == 0

    run(main())


def test_scope_cancel_reaches_nested_scopes():
    async def main():
        inner_ended = False
        with bide.move_on_after(1) as outer:
            with bide.timeout(100):
                with bide.CancelToken():
                    try:
                        await bide.sleep(1000)
                    finally:
                        inner_ended = True
        assert inner_ended
        assert outer.cancelled_caught
        assert bide.now() == 1

    run(main())


def test_scope_cancel_leaves_the_outside_alone():
    async def main():
        with bide.timeout(100):
            with bide.move_on_after(1):
                await bide.sleep(50)
            await bide.sleep(5)
        assert bide.now() == 6

    run(main())


def test_scope_keeps_the_first_reason():
    async def main():
        with bide.timeout(None) as scope:
            scope.cancel("first")
            scope.cancel("second")
            with pytest.raises(bide.Cancelled, match="first"):
                await bide.yield_now()

    run(main())


def test_scope_ends_its_cancellation_at_its_edge():
    async def main():
        with bide.timeout(100) as scope:
            scope.cancel()
            await bide.sleep(1)
        assert scope.cancelled_caught
        assert not scope.expired()
        await bide.sleep(1)
        assert bide.now() == 1

    run(main())


def test_scope_passes_on_an_outer_cancellation():
    async def main():
        with bide.CancelToken() as outer:
            with bide.move_on_after(100) as inner:
                with bide.CancelToken() as token:
                    outer.cancel("outside")
                    await bide.sleep(1)
                pytest.fail("not reached")
            pytest.fail("not reached")
        assert not inner.cancelled_caught
        assert not token.cancelled

    run(main())


def test_granted_operation_is_delivered_before_the_cancel():
    async def main():
        channel = bide.Channel(1)
        got = []

        async def receiver():
            got.append(await channel.recv())
            await bide.yield_now()
            got.append("not reached")

        task = bide.spawn(receiver())
        await settle()
        channel.try_send("granted")
        task.cancel()
        with pytest.raises(bide.Cancelled):
            await task
        assert got == ["granted"]

    run(main())


def test_shield_lets_cleanup_await():
    async def main():
        log = []

        async def work():
            try:
                await bide.sleep(100)
            finally:
                with bide.shield():
                    await bide.sleep(3)
                    log.append("cleaned")

        task = bide.spawn(work())
        await settle()
        task.cancel()
        with pytest.raises(bide.Cancelled):
            await task
        assert log == ["cleaned"]
        assert bide.now() == 3

    run(main())


def test_shield_ends_with_its_grace():
    async def main():
        async def work():
            try:
                await bide.sleep(100)
            finally:
                with bide.shield(grace=2):
                    await bide.sleep(1)
                    log.append("within")
                    await bide.sleep(50)
                    log.append("not reached")

        log = []
        task = bide.spawn(work())
        await settle()
        task.cancel("why")
        with pytest.raises(bide.Cancelled):
            await task
        assert log == ["within"]
        assert bide.now() == 2

    run(main())


def test_shield_gives_way_at_its_edge():
    async def main():
        async def work():
            with bide.shield():
                await bide.sleep(1)
            await bide.sleep(100)

        task = bide.spawn(work())
        await settle()
        task.cancel()
        with pytest.raises(bide.Cancelled):
            await task
        assert bide.now() == 1

    run(main())


# -- deadlines -----------------------------------------------------------------


def test_timeout_ends_the_wait_at_its_deadline():
    async def main():
        with pytest.raises(TimeoutError) as info:
            with bide.timeout(1.5) as scope:
                await bide.sleep(100)
        assert bide.now() == 1.5
        assert scope.expired()
        assert isinstance(info.value.__cause__, bide.Cancelled)

    run(main())


def test_timeout_not_reached_changes_nothing():
    async def main():
        with bide.timeout(5) as scope:
            await bide.sleep(1)
        assert not scope.expired()
        await bide.sleep(100)
        assert bide.now() == 101

    run(main())


def test_timeout_of_an_outer_block_passes_the_inner():
    async def main():
        with pytest.raises(TimeoutError):
            with bide.timeout(1) as outer:
                with bide.timeout(5) as inner:
                    await bide.sleep(100)
        assert outer.expired() and not inner.expired()

    run(main())


def test_timeout_of_an_inner_block_stays_inside():
    async def main():
        with bide.timeout(5) as outer:
            with pytest.raises(TimeoutError):
                with bide.timeout(1):
                    await bide.sleep(100)
            await bide.sleep(1)
        assert not outer.expired()

    run(main())


def test_overdue_but_ready_operation_succeeds():
    async def main():
        with bide.timeout(1) as scope:
            scope.reschedule(bide.now())
            event = bide.Event()
            event.set()
            await event.wait()
        assert not scope.cancelled_caught

    run(main())


def test_timeout_passes_other_errors():
    async def main():
        with pytest.raises(KeyError):
            with bide.timeout(1):
                try:
                    await bide.sleep(5)
                except bide.Cancelled:
                    raise KeyError("k")

    run(main())


def test_timeout_at_and_reschedule():
    async def main():
        with pytest.raises(TimeoutError):
            with bide.timeout_at(bide.now() + 2) as scope:
                assert scope.when() == 2
                await bide.sleep(1)
                scope.reschedule(bide.now() + 5)
                await bide.sleep(4)
                assert scope.when() == 6
                await bide.sleep(4)
        assert bide.now() == 6
        with bide.timeout(1) as scope:
            scope.reschedule(None)
            assert scope.when() is None
            await bide.sleep(50)
        with pytest.raises(RuntimeError, match="reschedule"):
            scope.reschedule(99)

    run(main())


def test_timeout_of_nothing_is_over_at_once():
    async def main():
        with pytest.raises(TimeoutError):
            with bide.timeout(0):
                await bide.sleep(1)
        assert bide.now() == 0

    run(main())


def test_move_on_after_goes_on():
    async def main():
        with bide.move_on_after(1) as scope:
            await bide.sleep(5)
            pytest.fail("not reached")
        assert scope.cancelled_caught and scope.expired()
        with bide.move_on_after(10) as scope:
            await bide.sleep(5)
        assert not scope.cancelled_caught and not scope.expired()

    run(main())


def test_async_with_works_as_for_asyncio():
    async def main():
        with pytest.raises(TimeoutError):
            async with bide.timeout(1):
                await bide.sleep(5)
        async with bide.move_on_after(1) as scope:
            await bide.sleep(5)
        assert scope.cancelled_caught
        async with bide.timeout(5) as scope:
            await bide.sleep(1)

    run(main())


# -- misuse --------------------------------------------------------------------


def test_scope_is_for_one_block():
    async def main():
        scope = bide.timeout(5)
        with scope:
            with pytest.raises(RuntimeError, match="entered before"):
                scope.__enter__()
        with pytest.raises(RuntimeError, match="entered before"):
            scope.__enter__()
        with pytest.raises(RuntimeError, match="without being entered"):
            bide.timeout(5).__exit__(None, None, None)
        with pytest.raises(RuntimeError, match="that is open"):
            scope.cancel()

    run(main())


def test_scopes_left_out_of_order():
    async def main():
        outer, inner = bide.timeout(5), bide.timeout(7)
        outer.__enter__()
        inner.__enter__()
        with pytest.raises(RuntimeError, match="reverse order"):
            outer.__exit__(None, None, None)
        await bide.sleep(1)
        inner.__exit__(None, None, None)
        await bide.sleep(10)

    run(main())


def test_scope_left_open_goes_with_its_task():
    async def main():
        async def careless():
            scope = bide.timeout(5)
            token = bide.CancelToken()
            scope.__enter__()
            token.__enter__()
            return weakref.ref(token)

        ref = await bide.spawn(careless())
        gc.collect()
        assert ref() is None
        await bide.sleep(10)

    run(main())


def test_scope_in_an_async_generator():
    async def main():
        async def ticks():
            with bide.timeout(5):
                yield 1
                yield 2

        agen = ticks()
        assert await anext(agen) == 1
        with bide.timeout(9):
            with pytest.raises(RuntimeError, match="reverse order"):
                await agen.aclose()
        await bide.sleep(20)

    run(main())


def test_scope_of_another_thread_is_an_error():
    async def main():
        with bide.timeout(5) as scope:
            for call in (scope.cancel, lambda: scope.reschedule(1)):
                with pytest.raises(bide.WrongRuntimeError, match="CancelToken"):
                    await bide.spawn_blocking(call)

    bide.run(main())


def test_cancelled_is_caught_as_asyncios():
    async def main():
        with bide.timeout(10) as scope:
            scope.cancel("r")
            try:
                await bide.sleep(1)
            except asyncio.CancelledError as error:
                assert error.args == ("r",)
                raise
        assert scope.cancelled_caught

    run(main())
