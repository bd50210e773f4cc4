import pytest

import bide
from sweep import settle


def run(coro, **options):
    return bide.run(coro, virtual_clock=True, **options)


async def fail_after(seconds, error):
    await bide.sleep(seconds)
    raise error


def test_group_leaving_joins_its_tasks():
    async def main():
        log = []

        async def work(i):
            await bide.sleep(i)
            log.append(i)

        async with bide.TaskGroup() as tg:
            for i in (3, 1, 2):
                tg.spawn(work(i))
            log.append("body")
        assert log == ["body", 1, 2, 3]

    run(main())


def test_group_error_cancels_the_siblings():
    async def main():
        log = []

        async def sibling():
            try:
                await bide.sleep(100)
            except bide.Cancelled as error:
                log.append(str(error))
                raise

        with pytest.raises(ExceptionGroup) as info:
            async with bide.TaskGroup() as tg:
                tg.spawn(sibling())
                tg.spawn(fail_after(1, ValueError("v")))
                tg.spawn(sibling())
                await bide.sleep(100)
        assert [repr(e) for e in info.value.exceptions] == ["ValueError('v')"]
        assert log == ["another task failed"] * 2
        assert bide.now() == 1

    run(main())


def test_group_collects_all_errors():
    async def main():
        async def stubborn():
            try:
                await bide.sleep(100)
            except bide.Cancelled:
                raise KeyError("while unwinding")

        with pytest.raises(ExceptionGroup) as info:
            async with bide.TaskGroup() as tg:
                tg.spawn(stubborn())
                tg.spawn(fail_after(1, ValueError("v")))
        assert {type(e) for e in info.value.exceptions} == {ValueError, KeyError}

    run(main())


def test_group_body_error_cancels_the_tasks():
    async def main():
        async def work():
            await bide.sleep(100)

        with pytest.raises(ExceptionGroup) as info:
            async with bide.TaskGroup() as tg:
                task = tg.spawn(work())
                await bide.yield_now()
                raise ValueError("body")
        assert [repr(e) for e in info.value.exceptions] == ["ValueError('body')"]
        assert info.value.__suppress_context__
        assert task.cancelled()

    run(main())


def test_group_cancel_reaches_every_task():
    async def main():
        ended = []

        async def leaf(name):
            try:
                await bide.sleep(100)
            except bide.Cancelled as error:
                ended.append((name, str(error)))
                raise

        async def branch():
            async with bide.TaskGroup() as inner:
                inner.spawn(leaf("inner"))
                await leaf("branch")

        async with bide.TaskGroup() as tg:
            tg.spawn(leaf("outer"))
            tg.spawn(branch())
            await settle()
            tg.cancel("enough")
            await leaf("body")
        assert sorted(ended) == [
            (name, "enough") for name in ("body", "branch", "inner", "outer")
        ]

    run(main())


def test_group_cancelled_from_outside_waits_for_its_tasks():
    async def main():
        log = []

        async def work():
            try:
                await bide.sleep(100)
            finally:
                with bide.shield():
                    await bide.sleep(5)
                log.append("cleaned")

        with pytest.raises(TimeoutError):
            with bide.timeout(1):
                async with bide.TaskGroup() as tg:
                    tg.spawn(work())
        assert log == ["cleaned"]
        assert bide.now() == 6

    run(main())


def test_group_cancelled_while_leaving():
    async def main():
        async def whole():
            async with bide.TaskGroup() as tg:
                tg.spawn(bide.sleep(100))

        task = bide.spawn(whole())
        await settle()
        task.cancel("why")
        with pytest.raises(bide.Cancelled, match="why"):
            await task

    run(main())


def test_group_tasks_may_spawn():
    async def main():
        log = []

        async def work(n):
            log.append(n)
            if n:
                tg.spawn(work(n - 1))

        async with bide.TaskGroup() as tg:
            tg.spawn(work(3))
        assert log == [3, 2, 1, 0]
        coro = work(0)
        with pytest.raises(RuntimeError, match="is over"):
            tg.spawn(coro)
        coro.close()
        with pytest.raises(RuntimeError, match="entered before"):
            async with tg:
                pass

    run(main())


def test_group_misuse_is_an_error():
    async def main():
        tg = bide.TaskGroup()
        op = bide.sleep(0)
        with pytest.raises(RuntimeError, match="has not begun"):
            tg.spawn(op)
        await op
        with pytest.raises(RuntimeError, match="without being entered"):
            await tg.__aexit__(None, None, None)
        with pytest.raises(TypeError, match="no arguments"):
            bide.TaskGroup(1)
        async with bide.TaskGroup() as tg:
            with pytest.raises(TypeError, match="needs a coroutine"):
                tg.spawn(3)
            assert (await tg.create_task(bide.sleep(0), name="n")) is None

    run(main())


def test_group_keyboard_interrupt_in_the_body_comes_out_bare():
    async def main():
        async with bide.TaskGroup() as tg:
            tg.spawn(bide.sleep(10))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(main())


def test_awaiting_a_cancelled_task_in_a_group_passes_it_on():
    async def main():
        other = bide.spawn(bide.sleep(10))
        await settle()
        other.cancel()
        with pytest.raises(bide.Cancelled):
            async with bide.TaskGroup() as tg:
                task = tg.spawn(bide.sleep(10))
                await other
        assert task.cancelled()

    run(main())
