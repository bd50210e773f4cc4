# Each of two tasks reads one table and wants to write to the other.
#
# expect: DeadlockError: ... task "import" ({A}) waits for RwLock "users" (made
#     at {C})
# expect: task "export" ({A}), which waits for RwLock "groups" (made at {D})
import bide


async def copy(source, target):  # A
    async with source.read():
        await bide.yield_now()
        async with target.write():
            pass


async def main():
    users = bide.RwLock(name="users")  # C
    groups = bide.RwLock(name="groups")  # D
    async with bide.TaskGroup() as group:
        group.spawn(copy(users, groups), name="export")
        group.spawn(copy(groups, users), name="import")


bide.run(main())
