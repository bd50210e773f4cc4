# A task waits for a change, and who makes it does not notify.
#
# expect: DeadlockError: every task waits and nothing can wake one
# expect: task ...consumer... waits for Condition...stock... for ... s, at {A}
import bide

stock = []


async def consumer(changed):
    async with changed:
        while not stock:
            await changed.wait()  # A


async def producer(changed):
    async with changed:
        stock.append("apple")


async def main():
    changed = bide.Condition(name="stock")
    async with bide.TaskGroup() as group:
        group.spawn(consumer(changed), name="consumer")
        group.spawn(producer(changed), name="producer")


bide.run(main())
