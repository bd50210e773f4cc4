# A task waits for a flag by asking for it all the time.
#
# env: BIDE_WATCHDOG=50ms
# hangs
# expect: bide: the loop is blocked: task "spinner" ({A}) has been running for
# expect: line {line B}, in spin
import bide

flags = {}


async def spin():  # A
    while not flags: pass  # B


async def main():
    await bide.spawn(spin(), name="spinner")


bide.run(main())
