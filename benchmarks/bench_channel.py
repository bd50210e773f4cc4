"""One task sends, another receives, through a queue of a given capacity."""

import asyncio

from harness import case, clock, main, optional

bide = optional("bide")
trio = optional("trio")


async def send_bide(channel, n):
    send = channel.send
    for i in range(n):
        await send(i)


async def send_asyncio(queue, n):
    put = queue.put
    for i in range(n):
        await put(i)


def register(capacity):
    name = f"capacity {capacity}"

    @case(name, "bide")
    async def bide_channel(n):
        channel = bide.Channel(capacity)
        recv = channel.recv
        start = clock()
        async with bide.TaskGroup() as group:
            group.spawn(send_bide(channel, n))
            for _ in range(n):
                await recv()
        return clock() - start

    @case(name, "asyncio", "uvloop")
    async def asyncio_queue(n):
        queue = asyncio.Queue(capacity)
        get = queue.get
        start = clock()
        async with asyncio.TaskGroup() as group:
            group.create_task(send_asyncio(queue, n))
            for _ in range(n):
                await get()
        return clock() - start

    @case(name, "trio")
    async def trio_channel(n):
        sender, receiver = trio.open_memory_channel(capacity)
        recv = receiver.receive
        start = clock()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_trio, sender, n)
            for _ in range(n):
                await recv()
        return clock() - start


async def send_trio(sender, n):
    send = sender.send
    for i in range(n):
        await send(i)


for size in (1, 128, 1024):
    register(size)

main()
