# A coroutine without its await: nothing of it runs.
#
# expect: {A}: RuntimeWarning: coroutine 'save' was never awaited
import bide


async def save():
    await bide.sleep(0)


async def main():
    save()  # A
    await bide.yield_now()


bide.run(main())
