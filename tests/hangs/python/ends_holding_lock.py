# A task ends without unlocking, because of an error that nobody foresaw.
#
# expect: BrokenError: Mutex 'ledger' is broken: task 'careless' ended while
#     holding it
# expect: line {line A}, in audit
import bide


async def careless(ledger):
    await ledger.lock()
    raise KeyError("no such account")


async def audit(ledger):
    async with ledger:  # A
        pass


async def main():
    ledger = bide.Mutex(name="ledger")
    try:
        await bide.spawn(careless(ledger), name="careless")
    except KeyError:
        pass
    await bide.spawn(audit(ledger), name="audit")


bide.run(main())
