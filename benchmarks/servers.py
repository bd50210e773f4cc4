"""The echo servers: how each is started, put under load and stopped."""

import contextlib
import dataclasses
import json
import select
import subprocess
import tempfile

from machine import (
    HERE,
    children_on,
    cores,
    lua,
    program,
    python,
    raise_file_limit,
)

ECHO = HERE / "echo"
START_SECONDS = 10


@dataclasses.dataclass(frozen=True)
class Server:
    title: str
    command: tuple[str, ...]
    bide: bool = False  # ours: its absence is a failure, not a note


class NoServer(Exception):
    """A server that did not come up; the message is the reason."""


def _python(file, *options):
    return (python(), str(ECHO / file), *options)


def _lua(file):
    return (lua() or "lua5.4", str(ECHO / file))


BIDE_PYTHON = Server("bide, Python", _python("echo_bide.py"), bide=True)
BIDE_LUA = Server("bide, Lua", _lua("echo_bide.lua"), bide=True)
BIDE_C = Server("bide, C", (program("echo_bide"),), bide=True)
LIBUV = Server("libuv, C", (program("echo_uv"),))
ASYNCIO = Server("asyncio streams", _python("echo_asyncio_streams.py"))
UVLOOP = Server(
    "uvloop streams", _python("echo_asyncio_streams.py", "--uvloop")
)
CQUEUES = Server("cqueues", _lua("echo_cqueues.lua"))

SERVERS = (
    BIDE_PYTHON,
    BIDE_LUA,
    BIDE_C,
    LIBUV,
    ASYNCIO,
    Server("asyncio protocol", _python("echo_asyncio_protocol.py")),
    UVLOOP,
    Server("uvloop protocol", _python("echo_asyncio_protocol.py", "--uvloop")),
    Server("trio", _python("echo_trio.py")),
    CQUEUES,
    Server("luv", _lua("echo_luv.lua")),
)


def last_words(errors):
    """The line of a failed program's stderr that says why."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    # Python names the error in the last line, Lua in the first.
    telling = [line for line in lines if "Error" in line or ".lua:" in line]
    return (telling or lines or ["it failed silently"])[0]


def _read_port(process, errors, seconds):
    ready, _, _ = select.select([process.stdout], [], [], seconds)
    line = process.stdout.readline() if ready else b""
    if line.strip().isdigit():
        return int(line)
    process.kill()
    process.wait()
    errors.seek(0)
    raise NoServer(last_words(errors.read().decode()))


@contextlib.contextmanager
def running(server, wrapper=(), seconds=START_SECONDS):
    """The process and port of a server started for the block; `wrapper` is
    put before its command, and it has `seconds` to come up."""
    cpu, _ = cores()
    raise_file_limit()
    with tempfile.TemporaryFile() as errors:
        try:
            with children_on(cpu):
                process = subprocess.Popen(
                    [*wrapper, *server.command],
                    stdout=subprocess.PIPE,
                    stderr=errors,
                )
        except OSError as error:
            raise NoServer(str(error)) from None
        with process:
            port = _read_port(process, errors, seconds)
            try:
                yield process, port
            finally:
                process.kill()


def load(process, port, connections, *, warmup=300, duration=1000):
    """What the load generator measured, as a dict."""
    _, cpu = cores()
    command = [
        *(program("load"), "--port", str(port), "--pid", str(process.pid)),
        *("--connections", str(connections)),
        *("--warmup", str(warmup), "--duration", str(duration)),
    ]
    try:
        with children_on(cpu):
            run = subprocess.run(
                command, capture_output=True, text=True, check=False
            )
    except OSError as error:
        raise NoServer(f"no load generator: {error}") from None
    if run.returncode:
        raise NoServer(f"under load: {run.stderr.strip()}")
    return json.loads(run.stdout)
