import asyncio
import gc
import types
import warnings
import weakref

import pytest

import bide
from sweep import settle


def run(coro, **options):
    return bide.run(coro, virtual_clock=True, **options)


def test_operation_never_awaited_is_reported():
    async def main():
        with pytest.warns(
            RuntimeWarning, match=r"operation Mutex.lock\(\) was never awaited"
        ) as caught:
            bide.Mutex().lock()
        assert caught[0].filename.endswith("test_op.py")

    run(main())


def test_warning_as_error_is_not_lost(monkeypatch):
    seen = []
    monkeypatch.setattr("sys.unraisablehook", lambda a: seen.append(a.exc_value))

    async def main():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            bide.sleep(1)

    run(main())
    assert isinstance(seen[0], RuntimeWarning)


def test_operation_awaited_twice_is_an_error():
    async def main():
        op = bide.sleep(0)
        await op
        with pytest.raises(RuntimeError, match=r"sleep\(\) was awaited already"):
            await op

    run(main())


def test_operation_awaited_by_two_tasks_is_an_error():
    async def main():
        op = bide.sleep(1)

        async def wait():
            await op

        first = bide.spawn(wait())
        await settle()
        with pytest.raises(RuntimeError, match="by another task"):
            await op
        await first

    run(main())


def test_operation_works_through_yield_from():
    @types.coroutine
    def old_style(op):
        return (yield from op)

    async def main():
        channel = bide.Channel(1)
        await old_style(channel.send("x"))
        assert await old_style(channel.recv()) == "x"
        with pytest.raises(TimeoutError):
            with bide.timeout(1):
                await old_style(channel.recv())

    run(main())


@pytest.mark.parametrize("result", [None, 1, (), (1, 2), ValueError("v"), "s"])
def test_result_of_any_type_arrives(result):
    async def main():
        channel = bide.Channel(1)
        await channel.send(result)
        assert await channel.recv() is result
        with pytest.raises(StopIteration) as info:
            await channel.send(result)
            channel.recv().send(None)
        assert info.value.value is result

    run(main())


def test_result_lives_no_longer_than_its_user():
    class Thing:
        def __del__(self):
            gone.append(1)

    gone = []

    async def main():
        channel = bide.Channel(1)
        for count in (1, 2, 3):
            await channel.send(Thing())
            thing = await channel.recv()
            del thing
            assert len(gone) == count

    run(main())


def test_exception_with_a_result_is_its_holders():
    async def main():
        channel = bide.Channel(4)
        kept = []
        for value in "abcd":
            await channel.send(value)
        for _ in range(2):  # by an operation that is gone when it arrives
            with pytest.raises(StopIteration) as info:
                next(channel.recv())
            kept.append(info.value)
        held = channel.recv()
        with pytest.raises(StopIteration) as info:
            next(held)
        kept.append(info.value)
        assert await channel.recv() == "d"
        del held
        gc.collect()
        assert [stop.value for stop in kept] == list("abc")
        assert len(set(map(id, kept))) == 3

    run(main())


def test_driven_by_hand():
    async def inner():
        await bide.sleep(1)

    async def main():
        coro = inner()
        coro.send(None)
        with pytest.raises(RuntimeError, match="driven by hand"):
            await bide.sleep(1)
        with pytest.raises(RuntimeError, match="resumed by hand"):
            coro.send(None)
        await bide.sleep(1)
        return bide.now()

    assert run(main()) == 1.0


def test_throw_and_close_end_the_wait():
    async def main():
        event = bide.Event()
        op = event.wait()
        op.send(None)
        assert event.waiters == 1
        with pytest.raises(KeyError):
            op.throw(KeyError("k"))
        assert event.waiters == 0
        op = event.wait()
        op.send(None)
        op.close()
        assert event.waiters == 0
        with pytest.raises(RuntimeError, match="awaited already"):
            await op
        with pytest.raises(ValueError, match="v"):
            event.wait().throw(ValueError, "v")
        with pytest.raises(ValueError, match="w"):
            event.wait().throw(ValueError, ValueError("w"), None)
        with pytest.raises(TypeError, match="exception class or instance"):
            event.wait().throw(3)
        await bide.yield_now()
        return "went on"

    assert run(main()) == "went on"


def test_closing_a_coroutine_gives_up_its_wait():
    async def main():
        event = bide.Event()

        async def inner():
            await event.wait()

        coro = inner()
        coro.send(None)
        assert event.waiters == 1
        coro.close()
        assert event.waiters == 0
        await bide.yield_now()

    run(main())


def test_asyncio_task_gets_a_clear_error():
    async def main():
        await bide.yield_now()

    with pytest.raises(bide.NoRuntimeError, match="asyncio"):
        asyncio.run(main())


def test_repr_tells_the_phase():
    async def main():
        op = bide.sleep(0)
        assert repr(op) == "<Operation sleep() not awaited>"
        await op
        assert repr(op) == "<Operation sleep() over>"

    run(main())


def test_operation_in_a_cycle_is_collected():
    class Box:
        pass

    async def main():
        channel = bide.Channel(2)
        box = Box()
        box.op = channel.send(box)
        ref = weakref.ref(box)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            del box
            gc.collect()
        assert ref() is None

    run(main())


def test_special_methods_look_like_methods():
    mutex = bide.Mutex()
    bound = mutex.__aenter__
    assert bound.__self__ is mutex
    assert "__aenter__" in repr(bound)
    assert type(mutex).__aexit__.__name__ == "__aexit__"
    with pytest.raises(TypeError, match="no keyword arguments"):
        mutex.__aenter__(x=1)
    with pytest.raises(TypeError, match="takes no arguments"):
        mutex.__aenter__(1)
    with pytest.raises(TypeError, match="needs a bide.Mutex"):
        type(mutex).__aenter__(bide.Semaphore(1))
    with pytest.raises(TypeError, match="needs a bide.Mutex"):
        type(mutex).__aenter__()


def test_exit_stacks_work():
    import contextlib

    async def main():
        m = bide.Mutex()
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(m)
            stack.enter_context(bide.timeout(1))
            assert m.locked
        assert not m.locked
        with pytest.raises(TimeoutError):
            with contextlib.ExitStack() as stack:
                stack.enter_context(bide.timeout(1))
                await bide.sleep(2)

    run(main())
