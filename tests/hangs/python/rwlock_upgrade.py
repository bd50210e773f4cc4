# A reader wants to write without giving up its read lock.
#
# expect: DeadlockError: ... task "edit" ({A}) waits for RwLock "table" (made at
#     {B})
# expect: line {line C}, in edit
import bide


async def edit(table):  # A
    async with table.read():
        async with table.write():  # C
            pass


async def main():
    table = bide.RwLock(name="table")  # B
    await bide.spawn(edit(table), name="edit")


bide.run(main())
