"""Stages that look at the sources: format, style, layers, headers, analysis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .counts import Counts, pytest
from .pythons import default_python
from .runner import BUILD, ROOT, Failed, Log
from .trees import configure_preset

C_TREES = ("csrc", "python", "lua", "tests", "examples", "benchmarks")


def c_files(*suffixes: str) -> list[Path]:
    return sorted(path for tree in C_TREES
                  for path in (ROOT / tree).rglob("*")
                  if path.suffix in suffixes)


def dependencies(log: Log) -> None:
    log.run(ROOT / "tools/install-deps", timeout=1800)


def style(log: Log) -> None:
    log.run(sys.executable, ROOT / "tools/check_style")


def layers(log: Log) -> None:
    log.run(sys.executable, ROOT / "tools/check_layers")


def behaviours(log: Log) -> None:
    """Each behaviour has its test in each language."""
    log.run(sys.executable, ROOT / "tools/check_behaviours")


def own_tests(log: Log) -> Counts:
    """The tests of the tools themselves."""
    python = default_python().environment(log)
    return log.count(pytest, python, "-m", "pytest", "-p", "no:cacheprovider",
                     "tests/tools")


def formatting(log: Log) -> None:
    log.run("clang-format", "--dry-run", "-Werror", *c_files(".c", ".h"),
            ROOT / "tools/suite/lua_errors.h")


def header_alone(log: Log) -> Counts:
    """bide.h compiles by itself, in C and in C++."""
    scratch = BUILD / "header"
    scratch.mkdir(parents=True, exist_ok=True)
    strict = ("-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only",
              "-I", str(ROOT / "csrc/include"))
    compilers = [("gcc", "c11", "c"), ("clang", "c11", "c"),
                 ("g++", "c++17", "cc"), ("clang++", "c++17", "cc")]
    for compiler, standard, suffix in compilers:
        source = scratch / f"alone.{suffix}"
        source.write_text("#include <bide.h>\nint bide_alone = BIDE_PARKED;\n")
        log.run(compiler, f"-std={standard}", *strict, source)
    return Counts(len(compilers), 0)


def tidy(log: Log) -> Counts:
    """clang-tidy over the core and the bindings; one count for each file."""
    tree = configure_preset(log, "clang",
                            f"-DPython_EXECUTABLE={default_python().path}")
    compiled = json.loads((tree / "compile_commands.json").read_text())
    parts = [ROOT / part for part in (
        "csrc/src", "python/ext", "python/ext/asyncio", "lua/src")]
    sources = sorted({Path(entry["file"]) for entry in compiled
                      if Path(entry["file"]).parent in parts})

    raising = ("--extra-arg=-include",
               f"--extra-arg={ROOT / 'tools/suite/lua_errors.h'}")

    def check(path: Path) -> subprocess.CompletedProcess[str]:
        extra = raising if path.is_relative_to(ROOT / "lua") else ()
        return subprocess.run(
            ["clang-tidy", "--quiet", "-p", tree, *extra, path], cwd=ROOT,
            text=True, stdin=subprocess.DEVNULL, capture_output=True,
            check=False)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(check, sources))
    bad = [result for result in results if result.returncode != 0]
    for result in bad:
        log.note(result.stdout + result.stderr)
    if bad:
        raise Failed("clang-tidy has findings",
                     Counts(len(results) - len(bad), len(bad)))
    return Counts(len(results), 0)
