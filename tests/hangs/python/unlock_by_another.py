# A task unlocks what another one holds.
#
# expect: NotOwnerError: task 'audit' cannot unlock Mutex 'ledger', which task
#     'pay' holds
# expect: line {line A}, in audit
import bide


async def pay(ledger):
    async with ledger:
        await bide.sleep(3600)


async def audit(ledger):
    ledger.unlock()  # A


async def main():
    ledger = bide.Mutex(name="ledger")
    holder = bide.spawn(pay(ledger), name="pay")
    await bide.yield_now()
    await bide.spawn(audit(ledger), name="audit")
    await holder


bide.run(main())
