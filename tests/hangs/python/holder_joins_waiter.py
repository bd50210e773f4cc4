# The holder of a lock waits for the end of a task that waits for the lock.
#
# expect: DeadlockError: ... task "worker" ({A}) waits for Mutex "ledger" (made
#     at {B}) held by task "boss" ({C}), which waits for task "worker" ({A})
import bide


async def worker(ledger):  # A
    async with ledger:
        pass


async def boss(ledger):  # C
    async with ledger:
        await bide.spawn(worker(ledger), name="worker")


async def main():
    ledger = bide.Mutex(name="ledger")  # B
    await bide.spawn(boss(ledger), name="boss")


bide.run(main())
