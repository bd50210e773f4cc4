# Two locks in opposite order, by a task of asyncio and one of bide.
#
# expect: DeadlockError: a deadlock: task "native" ({C}) waits for Mutex
#     "ledger" (made at {A}) held by task "foreign", which waits for Mutex
#     "journal" (made at {B}) held by task "native" ({C})
# expect: line {line D}, in both
import asyncio

import bide


async def both(first, second):  # C
    async with first:
        await bide.yield_now()
        async with second:  # D
            pass


async def main():
    ledger = bide.Mutex(name="ledger")  # A
    journal = bide.Mutex(name="journal")  # B
    foreign = asyncio.create_task(both(ledger, journal), name="foreign")
    native = bide.spawn(both(journal, ledger), name="native")
    await foreign
    await native


bide.run(main())
