# Two semaphores of one permit, used as locks, in opposite order.
#
# expect: DeadlockError: ... task "scan" ({A}) waits for Semaphore "printer"
#     (made at {C}) held by task "copy" ({A}), which waits for Semaphore
#     "scanner" (made at {D}) held by task "scan" ({A})
import bide


async def both(first, second):  # A
    async with first:
        await bide.yield_now()
        async with second:
            pass


async def main():
    printer = bide.Semaphore(1, name="printer")  # C
    scanner = bide.Semaphore(1, name="scanner")  # D
    async with bide.TaskGroup() as group:
        group.spawn(both(printer, scanner), name="copy")
        group.spawn(both(scanner, printer), name="scan")


bide.run(main())
