"""A test in a process that may not do everything, as root's may."""

import os
import traceback

import bide

NOBODY = 65534


def run_unprivileged(coro):
    """Runs the coroutine in a child process; whether nothing was raised."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.geteuid() == 0:
                os.setuid(NOBODY)
            bide.run(coro)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    coro.close()
    return os.waitpid(child, 0)[1] == 0
