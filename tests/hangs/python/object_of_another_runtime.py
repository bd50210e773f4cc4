# Two threads with a runtime each share a lock of bide.
#
# expect: WrongRuntimeError: this Mutex 'ledger' belongs to the runtime of
#     another
# expect: line {line A}, in pay
import threading

import bide

ledger = bide.Mutex(name="ledger")


async def pay():
    async with ledger:  # A
        pass


async def main():
    async with ledger:
        other = threading.Thread(target=bide.run, args=(pay(),))
        other.start()
        other.join()


bide.run(main())
