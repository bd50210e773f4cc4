"""Cancel at every park: an asyncio task that uses what is bide's and what is
asyncio's, ended from either side wherever it waits."""

import asyncio
import gc

import pytest
from sweep import watched

import bide


class Scenario:
    """What the victim uses, and what must hold whenever it was ended."""

    SENT = 3

    def __init__(self):
        self.mutex = bide.Mutex()
        self.semaphore = bide.Semaphore(2)
        self.channel = bide.Channel(self.SENT)
        self.children = 0
        self.received = 0
        for i in range(self.SENT):
            self.channel.try_send(i)

    async def child(self):
        self.children += 1
        try:
            async with self.semaphore:
                await asyncio.sleep(0)
                await bide.yield_now()
        finally:
            with bide.shield():
                await bide.yield_now()
            self.children -= 1

    async def aio_child(self):
        self.children += 1
        try:
            await bide.yield_now()
            await asyncio.sleep(0)
        finally:
            self.children -= 1

    async def receive(self):
        await self.channel.recv()
        self.received += 1

    async def in_blocks(self):
        with bide.timeout(60):
            await asyncio.sleep(0)
            await self.receive()
            async with bide.TaskGroup() as group:
                group.spawn(self.child())
                group.spawn(self.child())
                await asyncio.sleep(0)
        with bide.shield():
            await asyncio.sleep(0)
            await bide.yield_now()
        await bide.gather(self.child(), self.child())
        with bide.move_on_after(0):
            await asyncio.sleep(60)
        with bide.CancelToken() as token:
            token.cancel()
            await asyncio.sleep(60)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(self.aio_child())
            with bide.timeout(60):
                await self.receive()

    async def victim(self):
        async with self.mutex:
            await bide.yield_now()
            await self.in_blocks()
        await asyncio.to_thread(len, "")
        return "through"

    def check(self):
        assert not self.mutex.locked
        assert self.semaphore.permits == 2
        assert self.children == 0
        left = 0
        while True:
            try:
                self.channel.try_recv()
            except bide.WouldBlockError:
                break
            left += 1
        assert left + self.received == self.SENT
        tasks = asyncio.get_running_loop()._native_tasks()
        assert [task.name for task in tasks if task.name != "main"] == []


class Ending:
    """Calls `end` once the victim has parked for the k-th time."""

    def __init__(self, k):
        self.k, self.parks, self.end = k, 0, None

    def on_park(self):
        self.parks += 1
        if self.parks == self.k:
            asyncio.get_running_loop().call_soon(self.end)


async def by_cancel(scenario, ending):
    """Ended by asyncio's cancel(): it is cancelled, whatever blocks there are."""
    async def victim():
        return await watched(scenario.victim(), ending.on_park)

    took = []
    task = asyncio.create_task(victim())
    ending.end = lambda: took.append(task.cancel("swept"))
    await asyncio.wait([task])
    if True in took:
        assert task.cancelled()
        assert task.cancelling() == 1
    else:
        assert task.result() == "through"
        assert task.cancelling() == 0


async def by_token(scenario, ending):
    """Ended by a block around it: the task goes on after that."""
    async def victim():
        result = None
        with bide.CancelToken() as token:
            ending.end = token.cancel
            result = await watched(scenario.victim(), ending.on_park)
        assert token.cancelled or result == "through"
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(0)
        await bide.yield_now()

    await asyncio.create_task(victim())


def native(coro):
    return bide.run(coro)


def aio(coro):
    with asyncio.Runner(loop_factory=bide.new_event_loop) as runner:
        return runner.run(coro)


@pytest.mark.parametrize("run", [native, aio], ids=["native", "asyncio"])
@pytest.mark.parametrize("way", [by_cancel, by_token])
def test_aio_cancel_at_every_park(run, way):
    async def once(k):
        scenario, ending = Scenario(), Ending(k)
        await way(scenario, ending)
        scenario.check()
        return ending.parks

    async def main():
        parks = await once(0)
        assert parks > 8
        for k in range(1, parks + 2):
            await once(k)

    run(main())
    gc.collect()
