# A run is started in a task of another one.
#
# expect: Error: bide.run()
# expect: line {line A}, in helper
import bide


async def work():
    await bide.sleep(0)


def helper():
    bide.run(work())  # A


async def main():
    helper()


bide.run(main())
