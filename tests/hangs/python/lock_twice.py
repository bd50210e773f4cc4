# A task locks a mutex that it holds already.
#
# expect: DeadlockError: ... task "audit" ({A}) waits for Mutex "ledger" (made
#     at {B}), which it holds itself
# expect: line {line C}, in audit
import bide


async def audit(ledger):  # A
    async with ledger:
        async with ledger:  # C
            pass


async def main():
    ledger = bide.Mutex(name="ledger")  # B
    await bide.spawn(audit(ledger), name="audit")


bide.run(main())
