"""Tests of CPython's that look inside its own loop, and so are not for another.

Each pattern (fnmatch, of module.Class.method) has its reason; none is about what
a program can see a loop do.
"""

from __future__ import annotations

import sys
from fnmatch import fnmatch

WAKEUP_FD = ("puts a mock in the place of the module `signal` and counts the "
             "calls of set_wakeup_fd(), with which bide's loop, woken another "
             "way, only asks whether this is the main thread")
SIGNALS = "test_unix_events.SelectorEventLoopSignalTests."

EXCLUDED = {
    f"{SIGNALS}test_add_signal_handler_install_error": WAKEUP_FD,
    f"{SIGNALS}test_add_signal_handler_install_error2": WAKEUP_FD,
    f"{SIGNALS}test_close": WAKEUP_FD,
}

# The same mixin once for each selector: one stands for all; and the watchers of
# child processes, which are asyncio's own whatever the loop.
REPEATS = (
    "*.PollEventLoopTests.*",
    "*.SelectEventLoopTests.*",
    "*.SubprocessSafeWatcherTests.*",
    "*.SubprocessFastWatcherTests.*",
    "*.SubprocessPidfdWatcherTests.*",
    "*.MultiLoopChildWatcherTests.*",
)

# Of few versions only.
EXCLUDED_IN: dict[tuple[int, int], dict[str, str]] = {
    (3, 12): {
        "test_subprocess.*.test_create_subprocess_with_pidfd":
            "fails on asyncio's own loop, too",
    },
}


def is_excluded(name: str) -> bool:
    only_here = EXCLUDED_IN.get(sys.version_info[:2], {})
    return any(fnmatch(name, pattern)
               for pattern in (*EXCLUDED, *only_here))


def is_repeat(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in REPEATS)
