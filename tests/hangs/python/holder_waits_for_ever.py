# All wait for a lock whose holder waits for what nobody brings. The holder comes
# first in the report.
#
# expect: nothing can wake one (ESTALLED): task "backup" ({A}) waits for Event
#     "disk is back" (made at {E}): wait, for ... s, at {D} in backup; 3 tasks
#     wait for it holds Mutex "ledger" (made at {B}), for
# expect: task "pay 1" ({C}) waits for Mutex "ledger" (made at {B}): lock, held by
#     task "backup" ({A}), for ... s, at {F} in pay
# expect: task "pay 2" ({C}) waits for Mutex "ledger"
# expect: task "main" ... waits for its TaskGroup: leave, for
import bide


async def backup(ledger, disk):  # A
    async with ledger:
        await disk.wait()  # D


async def pay(ledger):  # C
    async with ledger:  # F
        pass


async def main():
    ledger = bide.Mutex(name="ledger")  # B
    disk = bide.Event(name="disk is back")  # E
    async with bide.TaskGroup() as group:
        group.spawn(backup(ledger, disk), name="backup")
        group.spawn(pay(ledger), name="pay 1")
        group.spawn(pay(ledger), name="pay 2")


bide.run(main())
