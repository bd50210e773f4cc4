# A barrier for three, and only two come.
#
# expect: DeadlockError: every task waits and nothing can wake one
# expect: task ...runner 0... waits for Barrier...start... for ... s, at {A}
# expect: task ...runner 1... waits for Barrier...start... for ... s, at {A}
import bide


async def runner(start):
    await start.wait()  # A


async def main():
    start = bide.Barrier(3, name="start")
    async with bide.TaskGroup() as race:
        for i in range(2):
            race.spawn(runner(start), name=f"runner {i}")


bide.run(main())
