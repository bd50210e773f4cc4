# Nobody holds a lock for long, but many want it: the last of them waits for long.
#
# env: BIDE_SLOW_LOCK=500ms
# expect: bide: a slow lock: Mutex "ledger" (made at {B})
# expect: task "pay ..." ({A}) at {C} in pay has waited for ... s
import bide


async def pay(ledger):  # A
    async with ledger:  # C
        await bide.sleep(0.1)


async def main():
    ledger = bide.Mutex(name="ledger")  # B
    async with bide.TaskGroup() as group:
        for i in range(9):
            group.spawn(pay(ledger), name=f"pay {i}")


bide.run(main())
