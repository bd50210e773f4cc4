"""Waits that would never end are refused, and the cycle is named."""

import pytest

import bide


def run(main):
    return bide.run(main, virtual_clock=True)


def test_cycle_of_any_length_is_an_error():
    refused = []

    async def main():
        tasks = []

        async def join_next(i):
            try:
                await tasks[(i + 1) % len(tasks)]
            except bide.DeadlockError as error:
                refused.append(str(error))

        tasks.extend(bide.spawn(join_next(i), name=f"t{i}")
                     for i in range(10000))
        await tasks[0]

    run(main())
    (text,) = refused
    assert text.count("waits for task") == 10000
    assert text.startswith('a deadlock: task "t9999" (test_deadlock.py:')


async def cross(permits, holders, sleeper=False):
    """Holders of a permit want a lock whose holder wants a permit."""
    gate = bide.Semaphore(permits, name="gate")
    ledger = bide.Mutex(name="ledger")

    async def permit_then_lock():
        async with gate:
            await bide.yield_now()
            async with ledger:
                pass

    async def hold_a_while():
        async with gate:
            await bide.sleep(1)

    async def lock_then_permit():
        async with ledger:
            while ledger.waiters < holders:
                await bide.yield_now()
            async with gate:
                return "passed"

    async with bide.TaskGroup() as tg:
        for _ in range(holders):
            tg.spawn(permit_then_lock(), name="holder")
        if sleeper:
            tg.spawn(hold_a_while())
        task = tg.spawn(lock_then_permit(), name="closer")
        try:
            return await task
        except bide.DeadlockError as error:
            return str(error)


async def caught(scene):
    try:
        return await scene
    except ExceptionGroup as group:
        return str(group.exceptions[0])


def test_cycle_through_a_semaphore_is_an_error():
    text = run(caught(cross(1, 1)))
    assert 'task "closer" (test_deadlock.py:' in text
    assert 'waits for Semaphore "gate" (made at test_deadlock.py:' in text
    assert 'held by task "holder"' in text
    assert 'which waits for Mutex "ledger" (made at' in text


def test_cycle_through_all_holders_of_a_semaphore_is_an_error():
    assert 'Semaphore "gate"' in run(caught(cross(2, 2)))


def test_semaphore_with_a_live_holder_is_no_cycle():
    assert run(cross(2, 1, sleeper=True)) == "passed"


def test_semaphore_released_by_others_is_no_cycle():
    async def main():
        gate = bide.Semaphore(1)

        async def worker():
            gate.release()

        for _ in range(5):
            await gate.acquire()
            bide.spawn(worker())

    run(main())


def test_semaphore_of_an_ended_holder_is_broken():
    async def main():
        gate = bide.Semaphore(1, name="gate")

        async def ends_holding():
            await gate.__aenter__()
            await bide.yield_now()

        async def waits():
            async with gate:
                pass

        bide.spawn(ends_holding(), name="careless")
        task = bide.spawn(waits())
        with pytest.raises(bide.BrokenError, match="'gate' is broken: task "
                           "'careless' ended while holding"):
            await task
        with pytest.raises(bide.BrokenError):
            gate.try_acquire()
        gate.reset()
        async with gate:
            assert gate.permits == 0

    run(main())


def test_read_lock_behind_a_writer_that_waits_for_it_is_an_error():
    async def main():
        table = bide.RwLock(name="table")

        async def write():
            async with table.write():
                pass

        async with table.read():
            with pytest.raises(bide.DeadlockError):
                async with table.write():
                    pass
            writer = bide.spawn(write(), name="writer")
            while not table.waiters:
                await bide.yield_now()
            with pytest.raises(bide.DeadlockError,
                               match='behind task "writer"'):
                async with table.read():
                    pass
        await writer

    run(main())


@pytest.mark.parametrize("late", [False, True])
def test_group_whose_task_waits_for_the_leaver_is_an_error(late):
    async def main():
        ledger = bide.Mutex(name="ledger")

        async def child():
            async with ledger:
                pass

        with pytest.raises(ExceptionGroup) as raised:
            async with ledger:
                async with bide.TaskGroup() as tg:
                    tg.spawn(child(), name="child")
                    while not late and not ledger.waiters:
                        await bide.yield_now()
        (error,) = raised.value.exceptions
        assert isinstance(error, bide.DeadlockError)
        assert 'held by task "main"' in str(error)
        assert 'waits for its TaskGroup, where task "child"' in str(error)

    run(main())
