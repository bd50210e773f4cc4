# Two tasks write to two tables, in opposite order.
#
# expect: DeadlockError: ... task "import" ({A}) waits for RwLock "users" (made
#     at {C}) held by task "export" ({A}), which waits for RwLock "groups" (made
#     at {D}) held by task "import" ({A})
import bide


async def copy(source, target):  # A
    async with source.write():
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
