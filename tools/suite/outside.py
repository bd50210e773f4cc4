"""Stages that bring bide together with the servers and packages of others."""

from __future__ import annotations

from .counts import Counts, pytest
from .languages import sanitized
from .pythons import default_python
from .runner import BUILD, ROOT, Log
from .trees import lua_paths


def peers(log: Log) -> Counts:
    """examples/network against the servers and clients of others."""
    tree = BUILD / "release"
    return _pytest(log, "tests/peers",
                   {"BIDE_BUILD": str(tree), **lua_paths(tree)})


def ecosystem(log: Log) -> Counts:
    """Packages made for asyncio, on bide's loop."""
    return _pytest(log, "tests/ecosystem", {})


def soak(log: Log, seconds: int) -> Counts:
    """uvicorn and aiohttp, each so long under load, on the instrumented build."""
    interpreter = default_python().environment(log, "tests/ecosystem")
    return log.count(
        pytest, interpreter, ROOT / "tests/ecosystem/soak.py", str(seconds),
        env={"PYTHONPATH": str(BUILD / "asan/python"), **sanitized(log)},
        timeout=600 + 4 * seconds)


def _pytest(log: Log, folder: str, extra: dict[str, str]) -> Counts:
    python = default_python()
    interpreter = python.environment(log, folder)
    python.build(log)
    return log.count(
        pytest, interpreter, "-m", "pytest", "-q", "-p", "no:cacheprovider",
        folder, env={"PYTHONPATH": str(python.tree / "python"), **extra})
