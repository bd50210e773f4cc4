"""The operations of bench_diagnostics, which loads a copy for each build: see there."""

from harness import clock

TASKS = 100


async def switch(bide, n):
    yield_now = bide.yield_now
    start = clock()
    for _ in range(n):
        await yield_now()
    return clock() - start


async def lock(bide, n):
    mutex = bide.Mutex()
    start = clock()
    for _ in range(n):
        async with mutex:
            pass
    return clock() - start


async def contended(bide, n):
    mutex = bide.Mutex()

    async def work(count):
        for _ in range(count):
            async with mutex:
                await bide.yield_now()

    start = clock()
    async with bide.TaskGroup() as group:
        for _ in range(TASKS):
            group.spawn(work(n // TASKS))
    return clock() - start


async def channel(bide, n):
    queue = bide.Channel(1)

    async def send_all():
        send = queue.send
        for i in range(n):
            await send(i)

    recv = queue.recv
    start = clock()
    async with bide.TaskGroup() as group:
        group.spawn(send_all())
        for _ in range(n):
            await recv()
    return clock() - start


CASES = {
    "switch": switch,
    "lock": lock,
    "lock, 100 tasks": contended,
    "channel": channel,
}
