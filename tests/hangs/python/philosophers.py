# Three philosophers, each with a fork in the hand, wait for the next one's.
#
# expect: DeadlockError: ... task "Kant" ({A}) waits for Mutex "fork 0" (made at
#     {B}) held by task "Plato" ({A}), which waits for Mutex "fork 1" (made at
#     {B}) held by task "Hume" ({A}), which waits for Mutex "fork 2" (made at
#     {B}) held by task "Kant" ({A})
import bide


async def philosopher(left, right):  # A
    async with left:
        await bide.yield_now()
        async with right:
            pass


async def main():
    forks = [bide.Mutex(name=f"fork {i}") for i in range(3)]  # B
    async with bide.TaskGroup() as table:
        for i, name in enumerate(["Plato", "Hume", "Kant"]):
            dines = philosopher(forks[i], forks[(i + 1) % 3])
            table.spawn(dines, name=name)


bide.run(main())
