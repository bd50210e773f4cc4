"""`python -m bide COMMAND`: tools that come with the package."""

from __future__ import annotations

import sys

from bide import bench

USAGE = """\
usage: python -m bide bench [--json] [--full]

bench   bide against asyncio, and uvloop where it is installed, on this machine
"""


def main() -> int:
    if sys.argv[1:2] == ["bench"]:
        return bench.main(sys.argv[2:])
    print(USAGE, end="", file=sys.stderr)
    return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2


sys.exit(main())
