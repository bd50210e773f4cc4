"""HTTP servers under wrk: examples/network/*/http_server on bide beside the
same work on other loops and libraries (http/). A request is GET /api/status,
which is answered in JSON."""

import dataclasses
import re
import shutil
import subprocess
import time

from machine import HERE, ROOT, children_on, cores, lua, python
from servers import NoServer, cpu_seconds, started

EXAMPLES = ROOT / "examples/network"
CASE = "JSON"
CONNECTIONS = 64


@dataclasses.dataclass(frozen=True)
class HttpServer:
    lang: str
    impl: str
    title: str
    command: tuple[str, ...]


def _python(impl, path, *options):
    command = (python(), str(path), *options)
    return HttpServer("python", impl, f"HTTP, Python, {impl}", command)


def _lua(impl, path, *options):
    command = (lua() or "lua5.4", str(path), *options)
    return HttpServer("lua", impl, f"HTTP, Lua, {impl}", command)


_ASYNCIO, _PEERS = HERE / "http/http_asyncio.py", HERE / "http/http_peers.lua"
SERVERS = (
    _python("bide", EXAMPLES / "python/http_server.py", "--port", "0"),
    _python("bide loop", _ASYNCIO, "--loop", "bide"),
    _python("asyncio", _ASYNCIO),
    _python("uvloop", _ASYNCIO, "--loop", "uvloop"),
    _python("trio", HERE / "http/http_trio.py"),
    _lua("bide", EXAMPLES / "lua/http_server.lua", ".", "0"),
    _lua("cqueues", _PEERS, "cqueues"),
    _lua("luv", _PEERS, "luv"),
    _lua("copas", _PEERS, "copas"),
)


def _wrk(port, milliseconds):
    """How many requests wrk made."""
    command = [
        *("wrk", "-t1", f"-c{CONNECTIONS}"),
        f"-d{max(1, round(milliseconds / 1000))}s",
        f"http://127.0.0.1:{port}/api/status",
    ]
    _, cpu = cores()
    with children_on(cpu):
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False
        )
    done = re.search(r"(\d+) requests in", run.stdout)
    if run.returncode or not done or int(done[1]) == 0:
        raise NoServer(f"wrk: {run.stderr.strip() or run.stdout.strip()}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", run.stdout)
    if bad:
        raise NoServer(f"{bad[1]} of {done[1]} answers are errors")
    return int(done[1])


def serving(server):
    """The server, for the block: its process and its port."""
    if not shutil.which("wrk"):
        raise NoServer("wrk is not installed")
    return started(server.command)


def measure(running, milliseconds):
    """CPU time of a request, us."""
    process, port = running
    before = cpu_seconds(process.pid)
    done = _wrk(port, milliseconds)
    time.sleep(0.02)
    return (cpu_seconds(process.pid) - before) * 1e6 / done
