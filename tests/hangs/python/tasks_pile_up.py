# Requests come faster than they are served: tasks and memory pile up.
#
# env: BIDE_DUMP_SIGNAL=USR1
# signal: USR1
# hangs
# expect: runtime 1 (Python), between steps: 5... tasks
# expect: task "request 7" ({A}): parked for ... at {B} in request waits for
#     Mutex "database" (made at {C}): lock, held by task "request 0" ({A})
import bide


async def request(database):  # A
    async with database:  # B
        await bide.sleep(3600)


async def main():
    database = bide.Mutex(name="database")  # C
    async with bide.TaskGroup() as group:
        for i in range(100_000):
            group.spawn(request(database), name=f"request {i}")
            if i == 50:
                print("ready", flush=True)
            await bide.sleep(0.001 if i < 50 else 1)


bide.run(main())
