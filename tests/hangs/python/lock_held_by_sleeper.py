# All wait for a lock whose holder sleeps: no cycle, and yet nothing goes on.
#
# env: BIDE_DUMP_SIGNAL=USR1
# signal: USR1
# hangs
# expect: task "backup" ({A}): parked for ... at {D} in backup waits for timer:
#     sleep, ends in ... s holds Mutex "ledger" (made at {B}) for
# expect: task "pay" ({C}): parked for ... waits for Mutex "ledger" (made at
#     {B}): lock, held by task "backup" ({A})
import bide


async def backup(ledger):  # A
    async with ledger:
        await bide.sleep(3600)  # D


async def pay(ledger):  # C
    async with ledger:
        pass


async def main():
    ledger = bide.Mutex(name="ledger")  # B
    async with bide.TaskGroup() as group:
        group.spawn(backup(ledger), name="backup")
        group.spawn(pay(ledger), name="pay")
        await bide.yield_now()
        print("ready", flush=True)


bide.run(main())
