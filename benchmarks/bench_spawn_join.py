"""A task is made, runs, ends and is joined."""

import asyncio

from harness import case, clock, main, optional

bide = optional("bide")
trio = optional("trio")

GROUP = 100


async def nothing():
    pass


@case("one at a time", "bide")
async def bide_one(n):
    spawn = bide.spawn
    start = clock()
    for _ in range(n):
        await spawn(nothing())
    return clock() - start


@case("one at a time", "asyncio", "uvloop")
async def asyncio_one(n):
    create_task = asyncio.create_task
    start = clock()
    for _ in range(n):
        await create_task(nothing())
    return clock() - start


@case("one at a time", "trio")
async def trio_one(n):
    start = clock()
    for _ in range(n):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(nothing)
    return clock() - start


@case("groups of 100", "bide")
async def bide_group(n):
    groups = max(1, n // GROUP)
    start = clock()
    for _ in range(groups):
        async with bide.TaskGroup() as group:
            for _ in range(GROUP):
                group.spawn(nothing())
    return (clock() - start) * n // (groups * GROUP)


@case("groups of 100", "asyncio", "uvloop")
async def asyncio_group(n):
    groups = max(1, n // GROUP)
    start = clock()
    for _ in range(groups):
        async with asyncio.TaskGroup() as group:
            for _ in range(GROUP):
                group.create_task(nothing())
    return (clock() - start) * n // (groups * GROUP)


@case("groups of 100", "trio")
async def trio_group(n):
    groups = max(1, n // GROUP)
    start = clock()
    for _ in range(groups):
        async with trio.open_nursery() as nursery:
            for _ in range(GROUP):
                nursery.start_soon(nothing)
    return (clock() - start) * n // (groups * GROUP)


main()
