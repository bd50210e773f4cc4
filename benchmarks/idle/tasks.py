"""tasks.py IMPL COUNT: holds COUNT tasks that wait for one event, then lets
them go. Prints the bytes of memory each took, and how many came to an end."""

import asyncio
import gc
import pathlib
import sys


def resident():
    """Bytes of memory this process occupies."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


class Counter:
    done = 0

    async def wait(self, event):
        await event.wait()
        self.done += 1


async def measure(spawn, event, give_way, count):
    counter = Counter()
    gc.collect()
    before = resident()
    tasks = [spawn(counter.wait(event)) for _ in range(count)]
    await give_way()
    each = (resident() - before) / count
    event.set()
    for task in tasks:
        await task
    print(each, counter.done)


def main():
    who, count = sys.argv[1], int(sys.argv[2])
    if who == "bide":
        import bide

        async def hold():
            await measure(bide.spawn, bide.Event(), bide.yield_now, count)

        bide.run(hold())
    else:

        async def hold():
            await measure(
                asyncio.create_task,
                asyncio.Event(),
                lambda: asyncio.sleep(0),
                count,
            )

        if who == "uvloop":
            import uvloop

            uvloop.run(hold())
        else:
            asyncio.run(hold())


main()
