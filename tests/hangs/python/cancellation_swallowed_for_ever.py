# A task tries again whatever happens, a cancellation included, and so never ends.
#
# env: BIDE_WATCHDOG=50ms
# hangs
# expect: bide: the loop is blocked: task "stubborn" ({A}) has been running for
# expect: in stubborn
import bide


async def stubborn():  # A
    while True:
        try:
            await bide.sleep(1)
        except BaseException:
            pass


async def main():
    task = bide.spawn(stubborn(), name="stubborn")
    await bide.yield_now()
    task.cancel("enough")
    await task


bide.run(main())
