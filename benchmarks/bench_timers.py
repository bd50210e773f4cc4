"""100,000 tasks sleep at once, each to a moment of its own: the CPU time of
starting, arming, firing and ending one."""

import asyncio
import time

from harness import case, main, optional

bide = optional("bide")
trio = optional("trio")

SLEEPERS = 100_000
cpu = time.process_time_ns


def moment(i):
    """Spread over a second, in no order."""
    return 0.5 + (i * 7919 % SLEEPERS) / SLEEPERS


async def nap(sleep, seconds):
    await sleep(seconds)


@case("100k sleeping", "bide", fixed=SLEEPERS)
async def bide_sleepers(n):
    start = cpu()
    async with bide.TaskGroup() as group:
        for i in range(n):
            group.spawn(nap(bide.sleep, moment(i)))
    return cpu() - start


@case("100k sleeping", "asyncio", "uvloop", fixed=SLEEPERS)
async def asyncio_sleepers(n):
    start = cpu()
    async with asyncio.TaskGroup() as group:
        for i in range(n):
            group.create_task(nap(asyncio.sleep, moment(i)))
    return cpu() - start


@case("100k sleeping", "trio", fixed=SLEEPERS)
async def trio_sleepers(n):
    start = cpu()
    async with trio.open_nursery() as nursery:
        for i in range(n):
            nursery.start_soon(nap, trio.sleep, moment(i))
    return cpu() - start


main()
