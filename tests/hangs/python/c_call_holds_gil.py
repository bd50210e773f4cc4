# A function in C computes for long and keeps the GIL.
#
# env: BIDE_WATCHDOG=50ms
# hangs
# expect: bide: the loop is blocked: task "summer" ({A}) has been running for
# expect: line {line B}, in add_up
import bide


async def add_up():  # A
    return sum(range(10**15))  # B


async def main():
    await bide.spawn(add_up(), name="summer")


bide.run(main())
