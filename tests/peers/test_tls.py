"""TLS in Python, Lua and C beside openssl's s_server and s_client: versions,
client certificates, ALPN, sessions, and an end that is none."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from peers import SECONDS, Running, server

HERE = Path(__file__).parent
VERSIONS = ("1.2", "1.3")


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certs")
    subprocess.run([HERE.parent / "certs.sh", path], check=True)
    return path


@pytest.fixture(params=("python", "lua", "c"))
def peer(request: pytest.FixtureRequest) -> list[str]:
    """How the program is run in a language."""
    return {
        "python": [sys.executable, str(HERE / "tls_peer.py")],
        "lua": [shutil.which("lua5.4") or "lua", str(HERE / "tls_peer.lua")],
        "c": [os.environ.get("BIDE_BUILD", "build/release") +
              "/tests/c/tls_peer"],
    }[request.param]


def openssl(command: str, certs: Path, version: str, *more: object,
            ) -> list[str]:
    name = command.removeprefix("s_")
    return ["openssl", command, f"-tls{version.replace('.', '_')}",
            "-CAfile", f"{certs}/ca.pem", "-verify_return_error",
            "-cert", f"{certs}/{name}.pem", "-key", f"{certs}/{name}.key",
            "-alpn", "http/1.1", *map(str, more)]


# -- our clients ----------------------------------------------------------


@pytest.fixture(params=VERSIONS)
def s_server(request: pytest.FixtureRequest, certs: Path,
             ) -> Iterator[tuple[Running, str]]:
    """It sends lines back reversed, and wants to see a certificate."""
    words = openssl("s_server", certs, request.param, "-accept",
                    "127.0.0.1:0", "-Verify", 1, "-rev")
    with server(words, r"ACCEPT 127\.0\.0\.1:(\d+)") as running:
        yield running, request.param


def test_client_resumes_and_ends(
        peer: list[str], certs: Path, s_server: tuple[Running, str]) -> None:
    running, version = s_server
    done = subprocess.run(
        [*peer, "client", certs, version, running.match[1]],
        capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.stdout.split() == [
        f"TLSv{version}", "http/1.1", "new", "server", "olleh",
        f"TLSv{version}", "http/1.1", "resumed", "server", "olleh",
    ], done.stderr


def test_client_is_told_of_a_truncation(
        peer: list[str], certs: Path, s_server: tuple[Running, str]) -> None:
    running, version = s_server
    words = [*peer, "client", str(certs), version, running.match[1], "wait"]
    with server(words, "resumed") as client:
        running.process.send_signal(signal.SIGKILL)
        client.wait_for("truncated")
        assert client.process.wait(SECONDS) == 0


# -- our servers ----------------------------------------------------------


class SClient:
    """openssl's client on a connection of its own."""

    def __init__(self, certs: Path, version: str, port: str, *more: object):
        self.process = subprocess.Popen(
            openssl("s_client", certs, version, "-connect",
                    f"127.0.0.1:{port}", "-servername", "localhost",
                    "-verify_hostname", "localhost", *more, "-quiet",
                    "-no_ign_eof"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)

    def says(self, line: str) -> str:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(line)
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def __enter__(self) -> SClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(SECONDS)
        for pipe in self.process.stdin, self.process.stdout:
            if pipe:
                pipe.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_server_resumes_and_is_told_of_the_end(
        peer: list[str], certs: Path, version: str, tmp_path: Path) -> None:
    session = tmp_path / "session"
    with server([*peer, "server", str(certs), version],
                r"port\s(\d+)") as running:
        port = running.match[1]
        with SClient(certs, version, port, "-sess_out", session) as client:
            assert client.says("hello\n") == "hello\n"
            assert client.process.stdin
            client.process.stdin.close()
            running.wait_for(rf"TLSv{version}\shttp/1.1\snew\sclient\shello")
            running.wait_for("end")
            client.process.wait(SECONDS)
        with SClient(certs, version, port, "-sess_in", session) as client:
            assert client.says("again\n") == "again\n"
            running.wait_for(
                rf"TLSv{version}\shttp/1.1\sresumed\sclient\sagain")
        running.wait_for("truncated")  # it was killed
        assert running.process.wait(SECONDS) == 0
