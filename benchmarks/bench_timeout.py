"""A timeout block around an operation that is ready at once: what a deadline
costs when it is not needed."""

import asyncio

from harness import case, clock, main, optional

bide = optional("bide")
trio = optional("trio")


@case("around a ready event", "bide")
async def bide_timeout(n):
    event = bide.Event()
    event.set()
    timeout = bide.timeout
    start = clock()
    for _ in range(n):
        with timeout(10):
            await event.wait()
    return clock() - start


@case("around a ready event", "asyncio", "uvloop")
async def asyncio_timeout(n):
    event = asyncio.Event()
    event.set()
    timeout = asyncio.timeout
    start = clock()
    for _ in range(n):
        async with timeout(10):
            await event.wait()
    return clock() - start


@case("around a ready event", "trio")
async def trio_timeout(n):
    event = trio.Event()
    event.set()
    fail_after = trio.fail_after
    start = clock()
    for _ in range(n):
        with fail_after(10):
            await event.wait()
    return clock() - start


main()
