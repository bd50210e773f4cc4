# Two tasks take two locks, in opposite order.
#
# expect: DeadlockError: ... task "pay" ({A}) waits for Mutex "ledger" (made at
#     {C}) held by task "audit" ({A}), which waits for Mutex "journal" (made at
#     {D}) held by task "pay" ({A})
# expect: line {line E}, in both
import bide


async def both(first, second):  # A
    async with first:
        await bide.yield_now()
        async with second:  # E
            pass


async def main():
    ledger = bide.Mutex(name="ledger")  # C
    journal = bide.Mutex(name="journal")  # D
    async with bide.TaskGroup() as group:
        group.spawn(both(ledger, journal), name="audit")
        group.spawn(both(journal, ledger), name="pay")


bide.run(main())
