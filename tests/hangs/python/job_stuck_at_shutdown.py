# The run is over, and a job in a thread is not.
#
# hangs
# expect: {B}: RuntimeWarning: bide.run() ended while spawn_blocking() work was
#     still running after the shutdown_timeout: compress ({A})
import time

import bide


def compress(begun):
    begun.set_result(None)
    time.sleep(3600)


async def main():
    begun = bide.Future()
    bide.spawn_blocking(compress, begun)  # A
    await begun


bide.run(main(), shutdown_timeout=0.1)  # B
