"""How many descriptors the process has open."""

import gc
import os

import bide


def descriptors():
    """Outside of a run: without those that are there by chance."""
    async def nothing():
        pass

    bide.run(nothing())  # libuv opens a few once, for good
    gc.collect()  # what earlier tests left to the collector
    return len(os.listdir("/proc/self/fd"))
