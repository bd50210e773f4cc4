"""Stages that bring bide together with the servers and packages of others."""

from __future__ import annotations

from .counts import Counts, pytest
from .pythons import default_python
from .runner import BUILD, Log
from .trees import lua_paths


def peers(log: Log) -> Counts:
    """examples/network against the servers and clients of others."""
    return _pytest(log, "tests/peers", lua_paths(BUILD / "release"))


def ecosystem(log: Log) -> Counts:
    """Packages made for asyncio, on bide's loop."""
    return _pytest(log, "tests/ecosystem", {})


def _pytest(log: Log, folder: str, extra: dict[str, str]) -> Counts:
    python = default_python()
    interpreter = python.environment(log, folder)
    python.build(log)
    return log.count(
        pytest, interpreter, "-m", "pytest", "-q", "-p", "no:cacheprovider",
        folder, env={"PYTHONPATH": str(python.tree / "python"), **extra})
