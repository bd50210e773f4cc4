"""Where the programs are, and what machine and versions a result is of."""

import contextlib
import importlib.metadata
import os
import pathlib
import platform
import re
import resource
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = pathlib.Path(os.environ.get("BIDE_BUILD") or ROOT / "build/release")
TOKIO = ROOT / "build/tokio"


def program(name):
    """A C program of benchmarks/CMakeLists.txt, as built."""
    return str(BUILD / "benchmarks" / name)


def lua():
    """The Lua interpreter, or None."""
    wanted = os.environ.get("BIDE_LUA") or "lua5.4"
    return shutil.which(wanted) or shutil.which("lua")


def tokio():
    """Builds Tokio's side of the C benchmarks: its program, or None with the
    reason why there is none."""
    if not shutil.which("cargo"):
        return None, "cargo is not installed"
    try:
        build = subprocess.run(
            ["cargo", "build", "--release", "--locked", "--quiet"],
            cwd=HERE / "tokio",
            env={**os.environ, "CARGO_TARGET_DIR": str(TOKIO)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, "cargo did not come to an end"
    if build.returncode:
        lines = build.stderr.strip().splitlines() or ["cargo failed"]
        return None, lines[-1].strip()
    return str(TOKIO / "release/bench_tokio"), ""


def cores():
    """Two CPUs to pin to, for the server and for its load; (None, None) where
    there are no two or no pinning."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else (None, None)


@contextlib.contextmanager
def children_on(cpu):
    """Processes started within the block stay on `cpu` (None: anywhere)."""
    if cpu is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_file_limit():
    """Lets this process and its children open as many files as the system
    permits; how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _first_line(*command):
    try:
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    text = run.stdout.strip() or run.stderr.strip()
    return text.splitlines()[0] if run.returncode == 0 and text else ""


def _cpu_model():
    try:
        info = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    found = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    return found[1] if found else platform.processor()


def _python_package(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _package(name):
    """The version of a Debian package, without the distribution's part."""
    found = _first_line("dpkg-query", "-W", "-f", "${Version}", name)
    return found.partition("-")[0]


def _lua_value(expression):
    interpreter = lua()
    if not interpreter:
        return ""
    return _first_line(interpreter, "-e", f"print({expression})")


def _tokio_version():
    lock = HERE / "tokio/Cargo.lock"
    if not lock.exists():
        return ""
    found = re.search(r'name = "tokio"\nversion = "(.+)"', lock.read_text())
    return found[1] if found else ""


def _bide_version():
    header = (ROOT / "csrc/include/bide.h").read_text()
    version = re.search(r'#define BIDE_VERSION "(.+)"', header)[1]
    commit = _first_line(
        "git", "-C", str(ROOT), "describe", "--always", "--dirty"
    )
    return f"{version} ({commit})" if commit else version


def code():
    """The sources that results are of, whatever else is committed beside
    them: the benchmarks, too, may change from one group to the next."""
    trees = [f"HEAD:{name}" for name in ("csrc", "python", "lua")]
    run = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", *trees],
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout.strip() if run.returncode == 0 else _bide_version()


def hardware():
    """(name, value) pairs of what the programs run on."""
    return [
        ("CPU", f"{_cpu_model()}, {os.cpu_count()} cores"),
        ("kernel", f"{platform.system()} {platform.release()}"),
    ]


def describe():
    """(name, value) pairs: what to know to judge the results."""
    pairs = [
        *hardware(),
        ("bide", _bide_version()),
        ("C compiler", _first_line("cc", "--version")),
        ("libuv", _first_line("pkg-config", "--modversion", "libuv")),
        ("OpenSSL", _first_line("pkg-config", "--modversion", "openssl")),
        ("Python", platform.python_version()),
        ("uvloop", _python_package("uvloop")),
        ("rloop", _python_package("rloop")),
        ("trio", _python_package("trio")),
        ("httptools", _python_package("httptools")),
        ("Lua", _lua_value("_VERSION")),
        ("cqueues", _lua_value("require'cqueues'.VERSION")),
        ("luv", _lua_value("require'luv'.version_string()")),
        ("copas", _package("lua-copas")),
        ("tokio", _tokio_version()),
        ("rustc", _first_line("rustc", "--version")),
    ]
    return [(name, value) for name, value in pairs if value]


def python():
    return sys.executable
