# A lock of threading is held while the task waits: the next one who wants it
# blocks the loop.
#
# env: BIDE_DEBUG=1
# hangs
# expect: {A}: RuntimeWarning: task 'pay' waits at {B} in pay while it holds the
#     threading.Lock taken at {A}
# expect: bide: the loop is blocked: task "audit" ({C}) has been running for
# expect: line {line D}, in audit
import threading

import bide


async def pay(ledger):
    with ledger:  # A
        await bide.sleep(1)  # B


async def audit(ledger):  # C
    with ledger:  # D
        pass


async def main():
    ledger = threading.Lock()
    async with bide.TaskGroup() as group:
        group.spawn(pay(ledger), name="pay")
        group.spawn(audit(ledger), name="audit")


bide.run(main())
