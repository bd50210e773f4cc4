"""A task gives way and is resumed: the cost of one switch."""

import asyncio

from harness import case, clock, main, optional

bide = optional("bide")
trio = optional("trio")

TASKS = 1000


@case("1 task", "bide")
async def bide_one(n):
    yield_now = bide.yield_now
    start = clock()
    for _ in range(n):
        await yield_now()
    return clock() - start


@case("1 task", "asyncio", "uvloop")
async def asyncio_one(n):
    sleep = asyncio.sleep
    start = clock()
    for _ in range(n):
        await sleep(0)
    return clock() - start


@case("1 task", "trio")
async def trio_one(n):
    checkpoint = trio.lowlevel.checkpoint
    start = clock()
    for _ in range(n):
        await checkpoint()
    return clock() - start


def share(n):
    """How often each task yields, so that all together do it n times."""
    return max(1, n // TASKS)


# Each thousand tasks run to their end; n counts what they did in all.


@case("1000 tasks", "bide")
async def bide_many(n):
    async def work(count, yield_now=bide.yield_now):
        for _ in range(count):
            await yield_now()

    count = share(n)
    async with bide.TaskGroup() as group:
        for _ in range(TASKS):
            group.spawn(work(count))
        await bide.yield_now()
        start = clock()
    return (clock() - start) * n // (count * TASKS)


@case("1000 tasks", "asyncio", "uvloop")
async def asyncio_many(n):
    async def work(count, sleep=asyncio.sleep):
        for _ in range(count):
            await sleep(0)

    count = share(n)
    async with asyncio.TaskGroup() as group:
        for _ in range(TASKS):
            group.create_task(work(count))
        await asyncio.sleep(0)
        start = clock()
    return (clock() - start) * n // (count * TASKS)


@case("1000 tasks", "trio")
async def trio_many(n):
    async def work(count, checkpoint=trio.lowlevel.checkpoint):
        for _ in range(count):
            await checkpoint()

    count = share(n)
    async with trio.open_nursery() as nursery:
        for _ in range(TASKS):
            nursery.start_soon(work, count)
        await trio.lowlevel.checkpoint()
        start = clock()
    return (clock() - start) * n // (count * TASKS)


main()
