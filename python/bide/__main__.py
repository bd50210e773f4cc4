"""`python -m bide COMMAND`: tools that come with the package."""

from __future__ import annotations

import platform
import sys

import bide

USAGE = """\
usage: python -m bide bench [--json] [--full]
       python -m bide top [--once] PID
       python -m bide version

bench    bide against asyncio, and uvloop where it is installed, on this machine
top      what the tasks of a running program are doing (BIDE_INSPECT=1)
version  what to say in a bug report
"""


def version() -> int:
    print(f"bide {bide.__version__}")
    print(f"{platform.python_implementation()} {platform.python_version()}")
    print(platform.platform())
    print(f"extension {bide._core.__file__}")
    return 0


def main(arguments: list[str]) -> int:
    match arguments:
        case ["bench", *rest]:
            from bide import bench

            return bench.main(rest)
        case ["top", *rest]:
            from bide import top

            return top.main(rest)
        case ["version"] | ["--version"]:
            return version()
        case ["-h"] | ["--help"]:
            print(USAGE, end="")
            return 0
    print(USAGE, end="", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
