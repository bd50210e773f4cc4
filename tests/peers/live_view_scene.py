"""What the pictures of the live view are taken of. Ends with its input.

    python live_view_scene.py [blocked]
"""

import sys
import time

import bide


async def pay(first, second, both):
    async with first:
        await both.wait()
        # Under a deadline: a cycle of waits that end by themselves is none.
        with bide.timeout(300):
            async with second:
                pass


async def report(lock):
    async with lock:
        pass


async def worker(orders):
    async for _ in orders:
        await bide.sleep(0.01)


async def hog():
    time.sleep(300)


async def main():
    ledger, journal = bide.Mutex(name="ledger"), bide.Mutex(name="journal")
    orders = bide.Channel(4, name="orders")
    both = bide.Barrier(2)
    async with bide.TaskGroup() as group:
        group.spawn(pay(ledger, journal, both), name="audit")
        group.spawn(pay(journal, ledger, both), name="pay-42")
        await bide.sleep(0.05)
        for n in range(3):
            group.spawn(worker(orders), name=f"worker-{n}")
            group.spawn(report(journal), name=f"report-{n}")
        group.spawn(bide.sleep(300), name="ticker")
        job = bide.spawn_blocking(time.sleep, 300, name="thumbnail")
        print(bide.inspect(), flush=True)
        if "blocked" in sys.argv:
            group.spawn(hog(), name="hog")
        n = 0
        while True:
            await orders.send(n)
            await bide.sleep(0.002)
            n += 1
        await job


bide.run(main(), shutdown_timeout=0)
