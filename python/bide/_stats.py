"""What the runtimes of the process have measured."""

from __future__ import annotations

import json
from typing import Any

from . import _core


def stats() -> dict[str, Any]:
    """What each runtime of the process has measured, whatever its language.

    {"runtimes": [{"id", "language", "enabled", "counters": {name: n},
    "histograms": {name: {"count", "sum", "max", "buckets": [[upper, n], ...]}}}]}

    A runtime measures if it was started with run(stats=True) or BIDE_STATS=1;
    the others have no histograms. Any thread."""
    result: dict[str, Any] = json.loads(_core._stats())
    return result
