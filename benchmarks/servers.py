"""The echo servers: how each is started, put under load and stopped."""

import contextlib
import dataclasses
import json
import pathlib
import re
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
    lang: str
    impl: str  # as in the tables of the bench programs
    title: str
    command: tuple[str, ...]
    # How it can be talked to.
    kinds: tuple[str, ...] = ("tcp", "unix", "tls", "udp")

    @property
    def bide(self):
        """Ours: its absence is a failure, not a note."""
        return self.impl == "bide"


class NoServer(Exception):
    """A server that did not come up; the message is the reason."""


def _python(file, *options):
    return (python(), str(ECHO / file), *options)


def _lua(file):
    return (lua() or "lua5.4", str(ECHO / file))


def _asyncio(impl, title, *options):
    return Server("python", impl, title, _python("echo_asyncio.py", *options))


BIDE_PYTHON = Server("python", "bide", "bide, Python", _python("echo_bide.py"))
BIDE_LUA = Server("lua", "bide", "bide, Lua", _lua("echo_bide.lua"))
BIDE_C = Server("c", "bide", "bide, C", (program("echo_bide"),))
LIBUV = Server(
    "c", "libuv", "libuv, C", (program("echo_uv"),), ("tcp", "unix", "udp")
)
BIDE_LOOP = _asyncio(
    "bide loop", "asyncio streams, bide's loop", "--loop", "bide"
)
ASYNCIO = _asyncio("asyncio", "asyncio streams")
UVLOOP = _asyncio("uvloop", "uvloop streams", "--loop", "uvloop")
ASYNCIO_PROTOCOL = _asyncio("", "asyncio protocol", "--protocol")
UVLOOP_PROTOCOL = _asyncio(
    "", "uvloop protocol", "--protocol", "--loop", "uvloop"
)
TRIO = Server("python", "trio", "trio", _python("echo_trio.py"))
CQUEUES = Server(
    "lua",
    "cqueues",
    "cqueues",
    _lua("echo_cqueues.lua"),
    ("tcp", "unix", "tls"),
)
LUV = Server(
    "lua", "luv", "luv", _lua("echo_luv.lua"), ("tcp", "unix", "udp")
)
COPAS = Server(
    "lua", "copas", "copas", _lua("echo_copas.lua"), ("tcp", "unix", "udp")
)

SERVERS = (
    BIDE_PYTHON,
    BIDE_LUA,
    BIDE_C,
    LIBUV,
    BIDE_LOOP,
    ASYNCIO,
    ASYNCIO_PROTOCOL,
    UVLOOP,
    UVLOOP_PROTOCOL,
    TRIO,
    CQUEUES,
    LUV,
    COPAS,
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
    # A number, or a sentence that ends in one.
    if found := re.search(rb"(\d+)\s*$", line):
        return int(found[1])
    process.kill()
    process.wait()
    errors.seek(0)
    raise NoServer(last_words(errors.read().decode()))


@contextlib.contextmanager
def started(command, wrapper=(), seconds=START_SECONDS):
    """A server's process and the port that it prints, for the block; `wrapper`
    is put before the command, and it has `seconds` to come up."""
    cpu, _ = cores()
    raise_file_limit()
    with tempfile.TemporaryFile() as errors:
        try:
            with children_on(cpu):
                process = subprocess.Popen(
                    [*wrapper, *command], stdout=subprocess.PIPE, stderr=errors
                )
        except OSError as error:
            raise NoServer(str(error)) from None
        with process:
            port = _read_port(process, errors, seconds)
            try:
                yield process, port
            finally:
                process.kill()


def running(server, wrapper=(), seconds=START_SECONDS):
    """The server over TCP."""
    return started(server.command, wrapper, seconds)


def certificate(directory):
    """A file with a certificate for localhost and its key."""
    key, cert = f"{directory}/key.pem", f"{directory}/cert.pem"
    try:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-nodes", "-days", "2"),
                *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-subj", "/CN=localhost", "-keyout", key, "-out", cert),
            ],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoServer(f"no certificate: {error}") from None
    pem = pathlib.Path(directory, "both.pem")
    pem.write_text(pathlib.Path(cert).read_text() + pathlib.Path(key).read_text())
    return str(pem)


@contextlib.contextmanager
def serving(server, kind):
    """The server over a transport: its process, and the options that tell the
    load generator where it is."""
    with tempfile.TemporaryDirectory() as directory:
        arguments, where = [kind], []
        if kind == "unix":
            arguments.append(f"{directory}/socket")
            where = ["--unix", arguments[-1]]
        elif kind == "tls":
            arguments.append(certificate(directory))
            where = ["--tls", "1"]
        elif kind == "udp":
            where = ["--udp", "1"]
        with started([*server.command, *arguments]) as (process, port):
            yield process, where if kind == "unix" else [
                *where,
                *("--port", str(port)),
            ]


def cpu_seconds(pid):
    """What a process has used so far, all its threads."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    stats = [(task / "schedstat").read_text() for task in tasks]
    return sum(int(stat.split()[0]) for stat in stats) / 1e9


def load(process, where, connections, *, warmup=300, duration=1000, more=()):
    """What the load generator measured, as a dict; `where`: a port, or options
    of its."""
    _, cpu = cores()
    if isinstance(where, int):
        where = ("--port", str(where))
    command = [
        *(program("load"), *where, "--pid", str(process.pid)),
        *("--connections", str(connections)),
        *("--warmup", str(warmup), "--duration", str(duration)),
        *more,
    ]
    try:
        with children_on(cpu):
            run = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoServer(f"no load: {error}") from None
    if run.returncode:
        raise NoServer(f"under load: {run.stderr.strip()}")
    return json.loads(run.stdout)
