"""A function that blocks runs in another thread: one at a time, and 64 in
flight."""

import asyncio

from harness import case, clock, main, optional

bide = optional("bide")
trio = optional("trio")

FLIGHT = 64


def nothing():
    pass


@case("round trip", "bide")
async def bide_blocking(n):
    spawn_blocking = bide.spawn_blocking
    start = clock()
    for _ in range(n):
        await spawn_blocking(nothing)
    return clock() - start


@case("round trip", "asyncio", "uvloop")
async def asyncio_blocking(n):
    to_thread = asyncio.to_thread
    start = clock()
    for _ in range(n):
        await to_thread(nothing)
    return clock() - start


@case("round trip", "trio")
async def trio_blocking(n):
    run_sync = trio.to_thread.run_sync
    start = clock()
    for _ in range(n):
        await run_sync(nothing)
    return clock() - start


@case("64 in flight", "bide")
async def bide_flight(n):
    async def work(count):
        for _ in range(count):
            await bide.spawn_blocking(nothing)

    count = max(1, n // FLIGHT)
    start = clock()
    async with bide.TaskGroup() as group:
        for _ in range(FLIGHT):
            group.spawn(work(count))
    return (clock() - start) * n // (count * FLIGHT)


@case("64 in flight", "asyncio", "uvloop")
async def asyncio_flight(n):
    async def work(count):
        for _ in range(count):
            await asyncio.to_thread(nothing)

    count = max(1, n // FLIGHT)
    start = clock()
    async with asyncio.TaskGroup() as group:
        for _ in range(FLIGHT):
            group.create_task(work(count))
    return (clock() - start) * n // (count * FLIGHT)


main()
