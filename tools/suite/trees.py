"""Build trees: made from CMake's presets, below build/."""

from __future__ import annotations

import os
from pathlib import Path

from .runner import BUILD, ROOT, Log


def configure_preset(log: Log, preset: str, *options: str) -> Path:
    """Configures a preset; its tree."""
    tree = BUILD / preset
    log.run("cmake", "--preset", preset, "-B", tree, *options)
    return tree


def build_preset(log: Log, preset: str, *options: str) -> Path:
    """Configures a preset and builds as much of it as can be; its tree."""
    tree = configure_preset(log, preset, *options)
    log.run("cmake", "--build", tree, "-j", str(os.cpu_count() or 2),
            "--", "-k", "0")
    return tree


def lua_paths(tree: Path) -> dict[str, str]:
    """What makes `require "bide"` load the module of `tree`."""
    return {
        "LUA_PATH": f"{tree}/lua/?.lua;{ROOT}/tests/lua/?.lua;;",
        "LUA_CPATH": f"{tree}/lua/?.so;;",
    }


def library_of_gcc(log: Log, name: str) -> str:
    """The path of one of gcc's runtime libraries."""
    return log.run("gcc", f"-print-file-name={name}").strip()
