# A task leaves a group, which waits for the child; the child wants the lock that
# the task holds.
#
# expect: DeadlockError: ... task "child" ({A}) waits for Mutex "ledger" (made
#     at {B}) held by task "parent" ({C}), which waits for its TaskGroup
import bide


async def child(ledger):  # A
    async with ledger:
        pass


async def parent(ledger):  # C
    async with ledger:
        async with bide.TaskGroup() as group:
            group.spawn(child(ledger), name="child")


async def main():
    ledger = bide.Mutex(name="ledger")  # B
    await bide.spawn(parent(ledger), name="parent")


bide.run(main())
