"""A mixed load in which nothing is wrong: with every detector on it must not cause
a single report. All that hangs in the gallery is used here, as it should be.

BIDE_SOAK_SECONDS says for how long (10 by default), BIDE_SEED with which choices.
"""

import asyncio
import hashlib
import os
import random
import sys
import tempfile
import threading
import time

import bide

SECONDS = float(os.environ.get("BIDE_SOAK_SECONDS", "10"))
SEED = int(os.environ.get("BIDE_SEED", "0")) or random.randrange(1, 10**9)
draw = random.Random(SEED)


class World:
    """What the parts share, and how often each has got through."""

    def __init__(self):
        self.until = time.monotonic() + SECONDS
        self.ledger = bide.Mutex(name="ledger")
        self.journal = bide.Mutex(name="journal")
        self.table = bide.RwLock(name="table")
        self.pool = bide.Semaphore(3, name="pool")
        self.rounds = {}

    def goes_on(self):
        return time.monotonic() < self.until

    def done(self, part):
        self.rounds[part] = self.rounds.get(part, 0) + 1


# -- locks, always in the same order -------------------------------------------


async def locks(world):
    while world.goes_on():
        async with world.pool:
            async with world.ledger:
                if draw.random() < 0.5:
                    async with world.journal:
                        await bide.yield_now()
        if draw.random() < 0.3:
            async with world.table.write():
                await bide.sleep(0)
        else:
            async with world.table.read():
                await bide.sleep(0.0005)
        world.done("locks")


async def impatient(world):
    """Gives up waiting for a lock now and then."""
    while world.goes_on():
        with bide.move_on_after(draw.random() * 0.002):
            async with world.ledger:
                await bide.sleep(0.001)
        await bide.sleep(0.001)
        world.done("impatient")


# -- channels, conditions, barriers, futures -----------------------------------


async def pipeline(world):
    while world.goes_on():
        raw, cooked = bide.Channel(4), bide.Channel(2)
        start = bide.Barrier(4)

        async def cook():
            await start.wait()
            async for n in raw:
                await cooked.send(n * n)

        async def produce():
            await start.wait()
            for n in range(50):
                await raw.send(n)
            raw.close()

        async def collect():
            return sum([n async for n in cooked])

        async with bide.TaskGroup() as group:
            total = group.spawn(collect(), name="collect")
            async with bide.TaskGroup() as cooks:
                for i in range(3):
                    cooks.spawn(cook(), name=f"cook {i}")
                cooks.spawn(produce(), name="produce")
            cooked.close()
        assert total.result() == sum(n * n for n in range(50))
        world.done("pipeline")


async def signals(world):
    while world.goes_on():
        stock, changed, ready = [], bide.Condition(), bide.Event()
        answer = bide.Future()

        async def consume():
            async with changed:
                await changed.wait_for(lambda: stock)
                stock.pop()
            await ready.wait()
            answer.set_result(len(stock))

        async with bide.TaskGroup() as group:
            group.spawn(consume(), name="consume")
            await bide.yield_now()
            async with changed:
                stock.append("apple")
                changed.notify()
            ready.set()
            assert await answer == 0
        world.done("signals")


# -- threads -------------------------------------------------------------------


async def jobs(world):
    while world.goes_on():
        size = draw.randrange(1, 200_000)
        await bide.spawn_blocking(hashlib.sha256, b"x" * size)
        with bide.move_on_after(0.005):
            await bide.spawn_blocking(time.sleep, draw.random() * 0.01)
        world.done("jobs")


async def pump(world):
    def read_sensor(out, count):
        for n in range(count):
            out.send_blocking(n)
        out.close()

    while world.goes_on():
        readings = bide.Channel(16, name="readings")
        thread = bide.spawn_thread(read_sensor, readings, 500)
        seen = 0
        try:
            while True:
                seen += len(await readings.recv_many(64))
        except bide.ClosedError:
            pass
        await thread
        assert seen == 500
        world.done("pump")


async def cancelled_from_a_thread(world):
    async def works_for_ever():
        try:
            await bide.sleep(3600)
        finally:
            with bide.shield(grace=1):
                await bide.sleep(0.0005)

    while world.goes_on():
        token = bide.CancelToken()
        tasks = [bide.spawn(works_for_ever(), token=token) for _ in range(5)]
        await bide.yield_now()
        threading.Thread(target=token.cancel, args=("enough",)).start()
        for task in tasks:
            try:
                await task
            except bide.Cancelled:
                pass
        world.done("cancelled")


# -- I/O -----------------------------------------------------------------------


async def echo(stream):
    while data := await stream.read(4096):
        await stream.write(data)


async def clients(world, port):
    while world.goes_on():
        async with await bide.connect_tcp("127.0.0.1", port) as stream:
            for _ in range(draw.randrange(1, 20)):
                message = b"m" * draw.randrange(1, 10_000)
                await stream.write(message)
                assert await stream.read_exact(len(message)) == message
            if draw.random() < 0.2:  # an answer that nobody gives
                with bide.move_on_after(0.003):
                    await stream.read(1)
        world.done("clients")


async def files(world):
    with tempfile.TemporaryDirectory() as place:
        while world.goes_on():
            path = os.path.join(place, "notes")
            await bide.fs.write_file(path, b"line\n" * draw.randrange(1, 5000))
            data = await bide.fs.read_file(path)
            assert data.startswith(b"line\n")
            world.done("files")


async def programs(world):
    while world.goes_on():
        result = await bide.run_process(["echo", "hello"], stdout=bide.PIPE)
        assert result.stdout == b"hello\n"
        await bide.sleep(0.02)
        world.done("programs")


# -- asyncio -------------------------------------------------------------------


async def foreign(world):
    """Tasks of asyncio and of bide share a lock of each kind."""
    lock, queue = asyncio.Lock(), asyncio.Queue(3)

    async def produce():
        for n in range(20):
            async with lock:
                await queue.put(n)

    async def consume():
        for _ in range(20):
            await queue.get()
            async with world.journal:
                await asyncio.sleep(0)

    while world.goes_on():
        task = asyncio.create_task(produce())
        await bide.spawn(consume(), name="consume")
        await task
        world.done("foreign")


async def main():
    world = World()
    async with await bide.listen_tcp("127.0.0.1", 0) as listener:
        async with bide.TaskGroup() as load:
            server = load.spawn(listener.serve(echo), name="server")
            async with bide.TaskGroup() as group:
                for i in range(8):
                    group.spawn(locks(world), name=f"locks {i}")
                    group.spawn(clients(world, listener.port), name=f"client {i}")
                for part in [impatient, pipeline, signals, jobs, pump, files,
                             cancelled_from_a_thread, programs, foreign]:
                    group.spawn(part(world), name=part.__name__)
            server.cancel()
    return world.rounds


rounds = bide.run(main())
print(f"seed {SEED}:", ", ".join(f"{n} {part}" for part, n in rounds.items()))
sys.exit(0 if len(rounds) == 11 else 1)
