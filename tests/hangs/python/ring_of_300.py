# A ring of 300 tasks, each with a lock that the one before it wants.
#
# expect: DeadlockError: ... task "task 299" ({A}) waits for Mutex "lock 0"
#     (made at {B}) held by task "task 0" ({A}), which waits for Mutex "lock 1"
#     (made at {B}) held by
# expect: which waits for Mutex "lock 299" (made at {B}) held by task "task 299"
#     ({A})
import bide

N = 300


async def member(own, next_one):  # A
    async with own:
        await bide.yield_now()
        async with next_one:
            pass


async def main():
    locks = [bide.Mutex(name=f"lock {i}") for i in range(N)]  # B
    async with bide.TaskGroup() as ring:
        for i in range(N):
            one = member(locks[i], locks[(i + 1) % N])
            ring.spawn(one, name=f"task {i}")


bide.run(main())
