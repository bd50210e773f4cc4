"""Stages that build bide and run the tests of each language."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from .counts import Counts, cmocka, luaunit, pytest
from .pythons import Python, default_python, pythons
from .runner import BUILD, ROOT, Failed, Log, Skipped
from .trees import build_preset, library_of_gcc, lua_paths

NO_LEAKS = "detect_leaks=0:detect_stack_use_after_return=0"
SOAK_SECONDS = 60
BUSY_COLLECTOR = "collectgarbage('incremental', 0, 1000, 8)"


def build(log: Log, preset: str) -> None:
    build_preset(log, preset, f"-DPython_EXECUTABLE={default_python().path}")


def build_release(log: Log) -> None:
    """The optimised build; each Python's extension has a tree of its own."""
    build_preset(log, "release", "-DBIDE_BUILD_PYTHON=OFF")


def c_tests(log: Log, preset: str) -> Counts:
    return log.count(cmocka, "ctest", "--test-dir", BUILD / preset, "-V",
                     "-j", str(os.cpu_count() or 2))


def soak(log: Log, seconds: int = SOAK_SECONDS) -> Counts:
    """The soak for a minute: ctest's own runs of it take two seconds."""
    return log.count(cmocka, BUILD / "release/tests/c/soak", env={
        "BIDE_SOAK_SECONDS": str(seconds)}, timeout=5 * seconds)


def asyncio_soak(log: Log, seconds: int) -> Counts:
    """Connections of asyncio's that come and go, in each Python."""
    found = pythons()
    for python in found:
        interpreter = python.environment(log)
        python.build(log)
        log.run(interpreter, ROOT / "tests/soak/aio_soak.py", env={
            "BIDE_SOAK_SECONDS": str(seconds),
            "PYTHONPATH": str(python.tree / "python")}, timeout=5 * seconds)
    return Counts(len(found), 0)


def python_tests(log: Log, python: Python | None, version: str) -> Counts:
    if python is None:
        raise Skipped(f"no CPython {version} here")
    interpreter = python.environment(log)
    python.build(log)
    return _pytest(log, interpreter, python.tree, {})


def python_asan(log: Log) -> Counts:
    """The Python tests on the instrumented extension.

    CPython keeps memory for good on purpose, so leaks are not looked for here:
    tests/python counts references instead.
    """
    interpreter = default_python().environment(log)
    return _pytest(log, interpreter, BUILD / "asan", sanitized(log))


def documentation(log: Log) -> Counts:
    """The complete programs in README.md and docs/ run."""
    python = default_python()
    interpreter = python.environment(log)
    python.build(log)
    return log.count(pytest, interpreter, "-m", "pytest", "tests/docs", env={
        "PYTHONPATH": str(python.tree / "python"),
        **lua_paths(BUILD / "release"),
    })


def hangs(log: Log) -> Counts:
    """The gallery of hangs: what each program does wrong is named."""
    python = default_python()
    interpreter = python.environment(log)
    python.build(log)
    return log.count(pytest, interpreter, "-m", "pytest", "-q", "-p",
                     "no:cacheprovider", "tests/hangs", env={
        "PYTHONPATH": str(python.tree / "python"),
        "BIDE_BUILD": str(BUILD / "release"),
        **lua_paths(BUILD / "release"),
    })


def python_types(log: Log) -> Counts:
    """The stubs hold: for users under mypy --strict, and against the code."""
    python = default_python()
    interpreter = python.environment(log)
    python.build(log)
    package = {"MYPYPATH": str(ROOT / "python"),
               "PYTHONPATH": str(python.tree / "python")}
    cache = ("--cache-dir", str(BUILD / "mypy"))
    log.run(interpreter, "-m", "mypy", "--strict", *cache, "-p", "bide",
            env=package)
    for example in sorted((ROOT / "examples/python").glob("*.py")):
        log.run(interpreter, "-m", "mypy", "--config-file=", *cache,
                "--check-untyped-defs", example, env=package)
    allowed = ROOT / "tests/python/stubtest_allowlist.txt"
    options = ["--allowlist", str(allowed)] if allowed.exists() else []
    log.run(interpreter, "-m", "mypy.stubtest", "bide", *options, env=package,
            cwd=BUILD)
    return Counts(2, 0)


def lua_tests(log: Log, tree: str = "release", gc: bool = False) -> Counts:
    """Each file of tests/lua by itself; with `gc` the collector never rests."""
    environment = dict(lua_paths(BUILD / tree))
    if gc:  # in the interpreters that a test starts, too
        environment["LUA_INIT"] = BUSY_COLLECTOR
    if tree == "asan":
        environment.update(_preload(log), ASAN_OPTIONS=NO_LEAKS)
    total = Counts()
    for path in sorted((ROOT / "tests/lua").glob("test_*.lua")):
        try:
            total += log.count(luaunit, lua(), path,
                               env=environment, timeout=300)
        except Failed as failure:
            log.note(f"{path.name}: {failure}")
            total += failure.counts
    if total.failed or not total.passed:
        raise Failed(f"tests/lua, on {tree}", total)
    return total


def no_tls(log: Log) -> Counts:
    """Built without OpenSSL it says so: in C and in Lua."""
    tree = BUILD / "no-tls"
    log.run("cmake", "--preset", "dev", "-B", tree, "-DBIDE_TLS=OFF",
            *(f"-DBIDE_BUILD_{part}=OFF"
              for part in ("PYTHON", "EXAMPLES", "BENCHMARKS")))
    log.run("cmake", "--build", tree, "-j", str(os.cpu_count() or 2),
            "--target", "test_tls_absent", "bide_lua")
    return log.count(cmocka, tree / "tests/c/test_tls_absent") + log.count(
        luaunit, lua(), ROOT / "tests/lua/test_tls_absent.lua",
        env=lua_paths(tree))


def lua() -> str:
    found = shutil.which("lua5.4") or shutil.which("lua")
    if found is None:
        raise Failed("no lua5.4 in PATH")
    return found


def _pytest(log: Log, interpreter: Path, tree: Path,
            extra: Mapping[str, str]) -> Counts:
    return log.count(pytest, interpreter, "-X", "dev", "-m", "pytest", "-q",
                     "-p", "no:cacheprovider", "tests/python",
                     env={"PYTHONPATH": str(tree / "python"), **extra,
                          "HYPOTHESIS_STORAGE_DIRECTORY":
                              str(BUILD / "hypothesis")})


def sanitized(log: Log) -> dict[str, str]:
    """For a Python that loads the instrumented extension."""
    return {**_preload(log), "PYTHONMALLOC": "malloc",
            "ASAN_OPTIONS": f"{NO_LEAKS}:quarantine_size_mb=4"}


def _preload(log: Log) -> dict[str, str]:
    """A program that was not built with it gets the sanitizer this way."""
    return {"LD_PRELOAD": library_of_gcc(log, "libasan.so"),
            "UBSAN_OPTIONS": "print_stacktrace=1"}
