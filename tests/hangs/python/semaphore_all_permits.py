# All connections of a pool are with tasks that want a lock; its holder wants a
# connection.
#
# expect: DeadlockError: ... task "report" ({A}) waits for Semaphore "pool"
#     (made at {B})
# expect: task "query" ({C}), which waits for Mutex "ledger" (made at {D}) held
#     by task "report" ({A})
import bide


async def query(pool, ledger):  # C
    async with pool:
        await bide.yield_now()
        async with ledger:
            pass


async def report(pool, ledger):  # A
    async with ledger:
        while ledger.waiters < 3:
            await bide.yield_now()
        async with pool:
            pass


async def main():
    pool = bide.Semaphore(3, name="pool")  # B
    ledger = bide.Mutex(name="ledger")  # D
    async with bide.TaskGroup() as group:
        for _ in range(3):
            group.spawn(query(pool, ledger), name="query")
        group.spawn(report(pool, ledger), name="report")


bide.run(main())
