"""Nothing is wrong, so nothing may be reported: a mixed load in each language and
the examples run with every detector on."""

from __future__ import annotations

import os
import re
from pathlib import Path

from .counts import Counts
from .installs import example_commands
from .languages import lua
from .pythons import default_python
from .runner import BUILD, ROOT, Failed, Log
from .trees import lua_paths

SECONDS = float(os.environ.get("BIDE_SOAK_SECONDS", "10"))  # for each load

# The watchdog's threshold leaves room for a busy machine: a step waits when the
# thread that has the GIL, or a child that starts, gets no processor.
DETECTORS = {
    "BIDE_DEBUG": "1",
    "BIDE_WATCHDOG": os.environ.get("BIDE_WATCHDOG", "1s"),
    "BIDE_STATS": "1",
    "BIDE_SLOW_LOCK": os.environ.get("BIDE_SLOW_LOCK", "5s"),
    "BIDE_DUMP_SIGNAL": "USR1",
    "PYTHONWARNINGS": "always",
}

# What reports begin with, or contain.
REPORT = re.compile(
    r"^bide: .*|.*Warning: .*|^Exception ignored.*|.*\b[Dd]eadlock.*|"
    r".*every task waits.*|.*nobody looked.*|.*never (awaited|retrieved).*|"
    r".*is broken: task.*", re.M)


def healthy(log: Log, seconds: float = SECONDS) -> Counts:
    """`seconds`: how long each load lasts."""
    python = default_python()
    python.build(log)
    commands = [
        [python.path, ROOT / "tests/healthy/mixed.py"],
        [lua(), ROOT / "tests/healthy/mixed.lua"],
        [BUILD / "release/tests/c/soak"],
        *example_commands(python),
    ]
    environment = {**DETECTORS, "BIDE_SOAK_SECONDS": str(seconds),
                   "PYTHONPATH": str(python.tree / "python"),
                   **lua_paths(BUILD / "release")}
    failed = sum(not _is_quiet(log, command, environment, seconds)
                 for command in commands)
    if failed:
        raise Failed("reports", Counts(len(commands) - failed, failed))
    return Counts(len(commands), 0)


def reports(output: str) -> list[str]:
    return [found[0] for found in REPORT.finditer(output)]


def _is_quiet(log: Log, command: list[str | Path],
              environment: dict[str, str], seconds: float) -> bool:
    try:
        output = log.run(*command, env=environment, timeout=seconds + 120)
    except Failed as failure:
        log.note(f"ERROR: {failure}")
        return False
    for line in reports(output):
        log.note(f"ERROR: a report in {Path(command[-1]).name}: {line}")
    return not reports(output)
