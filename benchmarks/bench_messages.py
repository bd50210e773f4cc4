"""A thread sends messages to a task: one at a time, and taken in batches."""

import asyncio
import threading

from harness import case, clock, main, optional

bide = optional("bide")
trio = optional("trio")

BATCH = 256


def feed(send, n):
    """A thread that calls send(0) ... send(n - 1)."""

    def run():
        for i in range(n):
            send(i)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@case("one at a time", "bide")
async def bide_messages(n):
    channel = bide.Channel(1024)
    recv = channel.recv
    start = clock()
    thread = feed(channel.send_blocking, n)
    for _ in range(n):
        await recv()
    elapsed = clock() - start
    thread.join()
    return elapsed


@case("in batches", "bide")
async def bide_batches(n):
    channel = bide.Channel(1024)
    start = clock()
    thread = feed(channel.send_blocking, n)
    left = n
    while left:
        left -= len(await channel.recv_many(BATCH))
    elapsed = clock() - start
    thread.join()
    return elapsed


# asyncio has no batch, so that its one way stands beside both.


@case("one at a time", "asyncio", "uvloop")
@case("in batches", "asyncio", "uvloop")
async def asyncio_messages(n):
    queue = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def send(i, call=loop.call_soon_threadsafe, put=queue.put_nowait):
        call(put, i)

    start = clock()
    thread = feed(send, n)
    for _ in range(n):
        await queue.get()
    elapsed = clock() - start
    thread.join()
    return elapsed


@case("one at a time", "trio")
@case("in batches", "trio")
async def trio_messages(n):
    sender, receiver = trio.open_memory_channel(float("inf"))
    token = trio.lowlevel.current_trio_token()

    def send(i, call=token.run_sync_soon, put=sender.send_nowait):
        call(put, i)

    start = clock()
    thread = feed(send, n)
    for _ in range(n):
        await receiver.receive()
    elapsed = clock() - start
    thread.join()
    return elapsed


main()
