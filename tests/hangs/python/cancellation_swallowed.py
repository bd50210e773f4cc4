# A task swallows its cancellation: it ends at its next wait all the same.
#
# expect: line {line A}, in stubborn
# expect: Cancelled: enough
import bide


async def stubborn():
    try:
        await bide.sleep(3600)
    except BaseException:
        pass
    await bide.sleep(3600)  # A


async def main():
    task = bide.spawn(stubborn(), name="stubborn")
    await bide.yield_now()
    task.cancel("enough")
    await task


bide.run(main())
