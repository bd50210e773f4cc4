# A task sleeps with the wrong sleep, and nothing else runs.
#
# env: BIDE_WATCHDOG=50ms
# hangs
# expect: bide: the loop is blocked: task "poller" ({A}) has been running for
# expect: line {line B}, in poll
import time

import bide


async def poll():  # A
    time.sleep(3600)  # B


async def main():
    await bide.spawn(poll(), name="poller")


bide.run(main())
