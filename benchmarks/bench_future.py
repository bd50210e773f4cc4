"""A future is made, awaited while pending, and settled by another task. Two
tasks play ping-pong: each settles the other's future and awaits its own, so
an operation is one future made, settled and awaited."""

import asyncio

from harness import case, clock, main, optional

bide = optional("bide")


async def play(slots, me, new, count):
    other = 1 - me
    for _ in range(count):
        mine = slots[me] = new()
        theirs = slots[other]
        if theirs is not None:
            slots[other] = None
            theirs.set_result(None)
        await mine
    if slots[other] is not None:
        slots[other].set_result(None)


@case("settle and await", "bide")
async def bide_future(n):
    slots, count = [None, None], max(1, n // 2)
    start = clock()
    async with bide.TaskGroup() as group:
        group.spawn(play(slots, 0, bide.Future, count))
        group.spawn(play(slots, 1, bide.Future, count))
    return (clock() - start) * n // (count * 2)


@case("settle and await", "asyncio", "uvloop")
async def asyncio_future(n):
    slots, count = [None, None], max(1, n // 2)
    new = asyncio.get_running_loop().create_future
    start = clock()
    async with asyncio.TaskGroup() as group:
        group.create_task(play(slots, 0, new, count))
        group.create_task(play(slots, 1, new, count))
    return (clock() - start) * n // (count * 2)


main()
