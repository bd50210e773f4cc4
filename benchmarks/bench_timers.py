"""100,000 tasks sleep at once, each to a moment of its own: the CPU time of
starting, arming, firing and ending one."""

import asyncio

from harness import case, cpu_clock, main, optional

bide = optional("bide")
trio = optional("trio")

SLEEPERS = 100_000


def moment(i):
    """Spread over a second, in no order."""
    return 0.5 + (i * 7919 % SLEEPERS) / SLEEPERS


async def nap(sleep, seconds):
    await sleep(seconds)


@case("100k sleeping", "bide", fixed=SLEEPERS, cpu=True)
async def bide_sleepers(n):
    start = cpu_clock()
    async with bide.TaskGroup() as group:
        for i in range(n):
            group.spawn(nap(bide.sleep, moment(i)))
    return cpu_clock() - start


@case("100k sleeping", "asyncio", "uvloop", fixed=SLEEPERS, cpu=True)
async def asyncio_sleepers(n):
    start = cpu_clock()
    async with asyncio.TaskGroup() as group:
        for i in range(n):
            group.create_task(nap(asyncio.sleep, moment(i)))
    return cpu_clock() - start


@case("100k sleeping", "trio", fixed=SLEEPERS, cpu=True)
async def trio_sleepers(n):
    start = cpu_clock()
    async with trio.open_nursery() as nursery:
        for i in range(n):
            nursery.start_soon(nap, trio.sleep, moment(i))
    return cpu_clock() - start


main()
