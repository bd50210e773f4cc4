"""Finds the CPythons of this machine and makes environments for them."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .runner import BUILD, ROOT, Log

VERSIONS = ("3.11", "3.12", "3.13")

# An interpreter counts when it can make a venv and has its headers.
PROBE = """
import ensurepip, os, platform, sys, sysconfig
header = os.path.join(sysconfig.get_path("include"), "Python.h")
if platform.python_implementation() == "CPython" and os.path.exists(header):
    print("%d.%d" % sys.version_info[:2], sys.executable)
"""


# Stages that run side by side use the same environments and trees.
making = threading.Lock()


@dataclass(frozen=True)
class Python:
    version: str
    path: Path

    @property
    def tree(self) -> Path:
        """Where the extension is built; <tree>/python is importable."""
        return BUILD / f"py{self.version}"

    def environment(self, log: Log, requirements: str = "tests") -> Path:
        """A venv with <requirements>/requirements.txt; its interpreter."""
        wanted = ROOT / requirements / "requirements.txt"
        venv = BUILD / "venv" / f"{requirements}-{self.version}"
        stamp = venv / "stamp"
        digest = hashlib.sha256(
            f"{self.path}\n{wanted.read_text()}".encode()).hexdigest()
        with making:
            if not stamp.exists() or stamp.read_text() != digest:
                log.run(self.path, "-m", "venv", "--clear", venv)
                log.run(venv / "bin/python", "-m", "pip", "install", "--quiet",
                        "--disable-pip-version-check", "-r", wanted)
                stamp.write_text(digest)
        return venv / "bin/python"

    def build(self, log: Log) -> None:
        """Builds the extension alone, optimised, warnings as errors."""
        with making:
            log.run("cmake", "-S", ROOT, "-B", self.tree, "-G", "Ninja",
                    "-DCMAKE_BUILD_TYPE=Release", "-DBIDE_WERROR=ON",
                    "-DBIDE_BUILD_LIBRARY=OFF", "-DBIDE_BUILD_TESTS=OFF",
                    "-DBIDE_BUILD_EXAMPLES=OFF", "-DBIDE_BUILD_BENCHMARKS=OFF",
                    "-DBIDE_BUILD_LUA=OFF", f"-DPython_EXECUTABLE={self.path}")
            log.run("cmake", "--build", self.tree, "-j",
                    str(os.cpu_count() or 2))


@functools.cache
def pythons() -> tuple[Python, ...]:
    """One interpreter for each version bide supports and this machine has."""
    found: dict[str, Path] = {}
    for candidate in _candidates():
        probe = subprocess.run([candidate, "-c", PROBE], capture_output=True,
                               text=True, check=False)
        version, _, path = probe.stdout.strip().partition(" ")
        if probe.returncode == 0 and version in VERSIONS:
            found.setdefault(version, Path(path))
    return tuple(Python(v, found[v]) for v in VERSIONS if v in found)


def default_python() -> Python:
    """The newest one, or the version that BIDE_PYTHON names."""
    available = pythons()
    wanted = os.environ.get("BIDE_PYTHON", "")
    for python in reversed(available):
        if wanted in ("", python.version, str(python.path)):
            return python
    sys.exit(f"no CPython {wanted or ' or '.join(VERSIONS)} with headers here")


def _candidates() -> Iterator[Path]:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for version in VERSIONS:
        installed = list(root.glob(f"versions/{version}.*/bin/python"))
        yield from sorted(installed, key=_patch_level, reverse=True)
        on_path = shutil.which(f"python{version}")
        if on_path:
            yield Path(on_path)
        # A shim of pyenv may hide the system's own.
        yield from filter(Path.exists, [Path(f"/usr/bin/python{version}")])


def _patch_level(path: Path) -> int:
    last = path.parents[1].name.rpartition(".")[2]
    return int(last) if last.isdigit() else -1
