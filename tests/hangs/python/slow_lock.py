# A lock is held for long, while another task waits for it.
#
# env: BIDE_SLOW_LOCK=50ms
# hangs
# expect: bide: a slow lock: Mutex "ledger" (made at {B}), held for ... s by task
#     "backup" ({A}) at {D} in backup; task "pay 1" ({C}) at {F} in pay has waited
#     for ... s, with 1 more behind it
import bide


async def backup(ledger):  # A
    async with ledger:
        await bide.sleep(3600)  # D


async def pay(ledger):  # C
    async with ledger:  # F
        pass


async def main():
    ledger = bide.Mutex(name="ledger")  # B
    async with bide.TaskGroup() as group:
        group.spawn(backup(ledger), name="backup")
        group.spawn(pay(ledger), name="pay 1")
        group.spawn(pay(ledger), name="pay 2")


bide.run(main())
