# A blocking read of a pipe into which nobody writes.
#
# env: BIDE_WATCHDOG=50ms
# hangs
# expect: bide: the loop is blocked: task "reader" ({A}) has been running for
# expect: line {line B}, in read_all
import os

import bide


async def read_all(fd):  # A
    return os.read(fd, 1000)  # B


async def main():
    fd, _ = os.pipe()
    await bide.spawn(read_all(fd), name="reader")


bide.run(main())
