"""The descriptors that the process has open."""

import contextlib
import gc
import os
import stat

import bide


def open_descriptors():
    """Their numbers; in a run, too."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one of the list itself
            os.fstat(int(name))
            found.add(int(name))
    return found


def open_sockets():
    return {fd for fd in open_descriptors()
            if stat.S_ISSOCK(os.fstat(fd).st_mode)}


def descriptors():
    """How many, outside of a run: without those that are there by chance."""
    async def nothing():
        pass

    bide.run(nothing())  # libuv opens a few once, for good
    gc.collect()  # what earlier tests left to the collector
    return len(open_descriptors())
