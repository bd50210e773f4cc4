# The run is over, and a job in a thread is not.
#
# hangs
# expect: RuntimeWarning: ... compress
import time

import bide


def compress():
    time.sleep(3600)


async def main():
    bide.spawn_blocking(compress)
    await bide.sleep(0.01)


bide.run(main(), shutdown_timeout=0.1)
