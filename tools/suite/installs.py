"""Stages that install bide, each in a way the README promises, and use it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .counts import Counts
from .languages import lua
from .pythons import Python, default_python
from .runner import BUILD, ROOT, Failed, Log
from .trees import lua_paths

QUIET = ("--quiet", "--disable-pip-version-check")
LUA_CHECK = """
local bide = require "bide"
assert(bide.run(function() return bide.spawn(function()
    bide.yield_now() return 42 end):await() end) == 42)
"""


def c_library(log: Log) -> Counts:
    """examples/c builds against an installed copy, found in both ways."""
    prefix = _fresh("prefix")
    log.run("cmake", "--install", BUILD / "release", "--prefix", prefix,
            "--component", "bide")
    consumer = _fresh("consumer")
    log.run("cmake", "-S", ROOT / "examples/c", "-B", consumer, "-G", "Ninja",
            f"-DCMAKE_PREFIX_PATH={prefix}")
    log.run("cmake", "--build", consumer)

    packages = next(prefix.glob("**/pkgconfig"))
    environment = {"PKG_CONFIG_PATH": str(packages),
                   "LD_LIBRARY_PATH": str(packages.parent)}
    flags = log.run("pkg-config", "--cflags", "--libs", "bide",
                    env=environment).split()
    examples = sorted((ROOT / "examples/c").glob("*.c"))
    for source in examples:
        log.run("gcc", "-std=c11", "-D_GNU_SOURCE", "-pthread", "-Wall",
                "-Werror", source, "-o", consumer / f"pc-{source.stem}",
                *flags, env=environment)
    if not examples:
        raise Failed("there is no examples/c/*.c")
    return Counts(2 * len(examples), 0)


def rock(log: Log) -> None:
    """`luarocks make` into a tree of its own."""
    tree = _fresh("rocks")
    log.run("luarocks", "--lua-version", "5.4", "make", "--tree", tree)
    log.run(lua(), "-e", LUA_CHECK, env={
        "LUA_PATH": f"{tree}/share/lua/5.4/?.lua",
        "LUA_CPATH": f"{tree}/lib/lua/5.4/?.so"})


def pip(log: Log) -> Counts:
    """`pip install .`, and the same of the source distribution."""
    sources = _fresh("sdist")
    venv = _fresh("venv/build")
    log.run(default_python().path, "-m", "venv", venv)
    log.run(venv / "bin/python", "-m", "pip", *QUIET, "install", "build")
    log.run(venv / "bin/python", "-m", "build", "--sdist", "-o", sources, ".")
    for number, source in enumerate([ROOT, next(sources.glob("*.tar.gz"))]):
        venv = _fresh(f"venv/installed-{number}")
        log.run(default_python().path, "-m", "venv", venv)
        log.run(venv / "bin/python", "-m", "pip", *QUIET, "install", source)
        log.run(venv / "bin/python", "-I", ROOT / "tools/check_installed.py")
    return Counts(2, 0)


def wheel(log: Log) -> None:
    """A wheel that carries its own libuv, installed where nothing else is."""
    log.run(ROOT / "tools/build-wheel", default_python().path)


def example_commands(python: Python) -> list[list[str | Path]]:
    commands: list[list[str | Path]] = []
    for source in sorted((ROOT / "examples").glob("*/*")):
        if source.suffix == ".c":
            commands.append([BUILD / "release/examples/c" / source.stem])
        elif source.suffix == ".py":
            commands.append([python.path, source])
        elif source.suffix == ".lua":
            commands.append([lua(), source])
    return commands


def examples(log: Log) -> Counts:
    """Every example runs to its end, which it reaches by itself."""
    python = default_python()
    python.build(log)
    commands = example_commands(python)
    environment = {"PYTHONPATH": str(python.tree / "python"),
                   **lua_paths(BUILD / "release")}
    failed = 0
    for command in commands:
        try:
            log.run(*command, env=environment, timeout=60)
        except Failed as failure:
            log.note(str(failure))
            failed += 1
    if failed or not commands:
        raise Failed("examples", Counts(len(commands) - failed, failed or 1))
    return Counts(len(commands), 0)


def _fresh(name: str) -> Path:
    path = BUILD / "install" / name
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path
