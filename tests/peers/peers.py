"""Real servers and clients for the examples: started, waited for, stopped."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/network"
SECONDS = 30


def command(language: str, name: str, *arguments: object) -> list[str]:
    """How the example `name` is run in `language`."""
    words = [str(word) for word in arguments]
    if language == "python":
        return [sys.executable, str(EXAMPLES / "python" / f"{name}.py"), *words]
    lua = shutil.which("lua5.4") or "lua"
    return [lua, str(EXAMPLES / "lua" / f"{name}.lua"), *words]


def run(words: Sequence[str], *status: int) -> str:
    """What the program prints; it has to end by itself, with a `status`: 0."""
    done = subprocess.run(words, capture_output=True, text=True,
                          timeout=SECONDS, check=False)
    assert done.returncode in (status or (0,)), done.stdout + done.stderr
    return done.stdout


@contextlib.contextmanager
def server(words: Sequence[str], pattern: str) -> Iterator[Running]:
    """A program that serves from the line on in which `pattern` is found."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    running = Running(process)
    try:
        running.match = running.wait_for(pattern)
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


class Running:
    """A server with the lines it has printed."""

    match: re.Match[str]

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def wait_for(self, pattern: str) -> re.Match[str]:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no line like {pattern!r}:\n" +
                             "".join(self.lines))

    def stop(self, signum: signal.Signals = signal.SIGTERM) -> str:
        """Ends it gracefully; what it printed in all."""
        self.process.send_signal(signum)
        rest, _ = self.process.communicate(timeout=SECONDS)
        assert self.process.returncode == 0, "".join(self.lines) + rest
        return "".join(self.lines) + rest

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def free_port() -> int:
    """For servers that cannot pick one themselves."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        port: int = s.getsockname()[1]
        return port


def wait_for_socket(address: str | tuple[str, int],
                    process: subprocess.Popen[bytes]) -> None:
    """Returns when somebody listens there."""
    deadline = time.monotonic() + SECONDS
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    while True:
        assert process.poll() is None, f"it ended with {process.returncode}"
        with socket.socket(family) as s:
            if s.connect_ex(address) == 0:
                return
        assert time.monotonic() < deadline, f"nobody listens on {address}"
        time.sleep(0.02)  # nothing tells of it but trying


def wait_until_ready(words: Sequence[str]) -> None:
    """Returns when the program that asks a server says yes."""
    deadline = time.monotonic() + SECONDS
    while subprocess.run(words, stdout=subprocess.DEVNULL,
                         check=False).returncode:
        assert time.monotonic() < deadline, f"never ready: {words}"


@contextlib.contextmanager
def daemon(words: Sequence[str], address: str | tuple[str, int],
           user: str | None = None,
           stop: signal.Signals = signal.SIGTERM) -> Iterator[None]:
    """Somebody else's server, up and listening."""
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        user=user if os.getuid() == 0 else None)
    try:
        wait_for_socket(address, process)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


NGINX = """
daemon off; master_process off; pid {work}/nginx.pid;
error_log {work}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off; default_type text/plain;
    client_body_temp_path {work}/b; proxy_temp_path {work}/p;
    fastcgi_temp_path {work}/f; uwsgi_temp_path {work}/u;
    scgi_temp_path {work}/s;
    server {{ listen 127.0.0.1:{port}; root {root};
              location /slow {{ limit_rate 10; }} }}
}}
"""


@contextlib.contextmanager
def nginx(root: Path, work: Path) -> Iterator[int]:
    """nginx over the files in `root`; its port."""
    port = free_port()
    config = work / "nginx.conf"
    config.write_text(NGINX.format(work=work, root=root, port=port))
    with daemon([program("nginx"), "-p", str(work), "-e",
                 str(work / "error.log"), "-c", str(config)],
                ("127.0.0.1", port)):
        yield port


@contextlib.contextmanager
def redis(work: Path) -> Iterator[str]:
    """A Redis that forgets; the path of its socket."""
    path = str(work / "redis.sock")
    with daemon([program("redis-server"), "--port", "0", "--unixsocket", path,
                 "--save", "", "--appendonly", "no", "--dir", str(work)], path):
        yield path


@contextlib.contextmanager
def postgres(work: Path) -> Iterator[tuple[str, int]]:
    """A new cluster; the directory of its socket, and its port."""
    bins = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    home = bins[-1] if bins else Path(program("initdb")).parent
    data, port = work / "data", 54321  # names the socket, nothing else
    user = None
    if os.getuid() == 0:  # it refuses to run as root
        user = "postgres"
        owner = pwd.getpwnam(user)
        os.chown(work, owner.pw_uid, owner.pw_gid)
        for parent in work.parents:
            if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
    subprocess.run([home / "initdb", "-D", data, "-U", "postgres", "-A",
                    "trust", "-N"], check=True, stdout=subprocess.DEVNULL,
                   user=user, cwd=work)
    with daemon([str(home / "postgres"), "-D", str(data), "-k", str(work), "-p",
                 str(port), "-c", "listen_addresses=", "-c", "fsync=off"],
                str(work / f".s.PGSQL.{port}"), user, stop=signal.SIGINT):
        wait_until_ready([str(home / "pg_isready"), "-h", str(work), "-p",
                          str(port)])
        yield str(work), port


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    assert found, f"{name} is not here: tools/install-deps installs it"
    return found
