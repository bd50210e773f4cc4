"""A lock is taken and given back: alone, and by 100 tasks that each yield
while holding it, so that every release hands it to a waiter."""

import asyncio

from harness import case, clock, main, optional

bide = optional("bide")
trio = optional("trio")

TASKS = 100


async def free(lock, n):
    start = clock()
    for _ in range(n):
        async with lock:
            pass
    return clock() - start


async def contend(lock, give_way, count):
    for _ in range(count):
        async with lock:
            await give_way()


@case("free", "bide")
async def bide_free(n):
    return await free(bide.Mutex(), n)


@case("free", "asyncio", "uvloop")
async def asyncio_free(n):
    return await free(asyncio.Lock(), n)


@case("free", "trio")
async def trio_free(n):
    return await free(trio.Lock(), n)


@case("100 tasks", "bide")
async def bide_contended(n):
    lock, count = bide.Mutex(), max(1, n // TASKS)
    start = clock()
    async with bide.TaskGroup() as group:
        for _ in range(TASKS):
            group.spawn(contend(lock, bide.yield_now, count))
    return (clock() - start) * n // (count * TASKS)


@case("100 tasks", "asyncio", "uvloop")
async def asyncio_contended(n):
    lock, count = asyncio.Lock(), max(1, n // TASKS)

    def give_way():
        return asyncio.sleep(0)

    start = clock()
    async with asyncio.TaskGroup() as group:
        for _ in range(TASKS):
            group.create_task(contend(lock, give_way, count))
    return (clock() - start) * n // (count * TASKS)


@case("100 tasks", "trio")
async def trio_contended(n):
    lock, count = trio.Lock(), max(1, n // TASKS)
    start = clock()
    async with trio.open_nursery() as nursery:
        for _ in range(TASKS):
            nursery.start_soon(contend, lock, trio.lowlevel.checkpoint, count)
    return (clock() - start) * n // (count * TASKS)


main()
