"""What an asyncio server costs on bide's loop, asyncio's and uvloop's.

    tools/run --bench python benchmarks/bench_aio_streams.py [--quick] [CASE...]

A server of a few lines in a process of its own echoes messages of 1, 10 and 100
KiB, or swallows a bulk stream; a client of plain blocking sockets keeps one
message in flight. An operation is a message; its figure is the CPU time the
server took for it, user and system, out of /proc/<pid>/schedstat. The loops
take turns in every round, and ratios are of rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

KINDS = ("protocol", "buffered", "streams", "sock", "tls", "tls_streams",
         "bulk")
SIZES = (1, 10, 100)
LOOPS = ("bide", "asyncio", "uvloop")
CERTIFICATE = Path(tempfile.gettempdir()) / "bide_bench_certificate.pem"


# -- the server's process ------------------------------------------------------


class Echo(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self.write = transport.write

    def data_received(self, data: bytes) -> None:
        self.write(data)


class Swallow(asyncio.Protocol):
    """Answers with a byte for each `size` of a stream."""

    size = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.got = 0

    def data_received(self, data: bytes) -> None:
        self.got += len(data)
        while self.got >= self.size:
            self.got -= self.size
            self.transport.write(b".")


class Buffered(asyncio.BufferedProtocol):
    def connection_made(self, transport: Any) -> None:
        self.write = transport.write
        self.view = memoryview(bytearray(256 * 1024))

    def get_buffer(self, hint: int) -> memoryview:
        return self.view

    def buffer_updated(self, n: int) -> None:
        self.write(bytes(self.view[:n]))


async def stream(reader: asyncio.StreamReader,
                 writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(256 * 1024):
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve_raw() -> None:
    loop = asyncio.get_running_loop()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    print(listening.getsockname()[1], flush=True)
    conn, _ = await loop.sock_accept(listening)
    while data := await loop.sock_recv(conn, 256 * 1024):
        await loop.sock_sendall(conn, data)


async def serve(kind: str, size: int) -> None:
    context = None
    if kind.startswith("tls"):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(CERTIFICATE)
    if kind.endswith("streams"):
        serving = await asyncio.start_server(stream, "127.0.0.1", 0,
                                             ssl=context, limit=256 * 1024)
    else:
        Swallow.size = size
        factory: Any = {"bulk": Swallow, "buffered": Buffered}.get(kind, Echo)
        serving = await asyncio.get_running_loop().create_server(
            factory, "127.0.0.1", 0, ssl=context)
    print(serving.sockets[0].getsockname()[1], flush=True)
    await serving.serve_forever()


def server(loop_name: str, kind: str, size: int) -> None:
    with asyncio.Runner(loop_factory=factory_of(loop_name)) as runner:
        runner.run(serve_raw() if kind == "sock" else serve(kind, size))


def factory_of(name: str) -> Any:
    if name == "uvloop":
        import uvloop
        return uvloop.new_event_loop
    if name == "bide":
        import bide
        return bide.new_event_loop
    return asyncio.SelectorEventLoop


# -- the client ----------------------------------------------------------------


def cpu(pid: int) -> int:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def connect(port: int, kind: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not kind.startswith("tls"):
        return sock
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(sock)


def exchange(sock: socket.socket, message: bytes, view: memoryview) -> None:
    sock.sendall(message)
    got = 0
    while got < len(view):
        n = sock.recv_into(view[got:])
        if n == 0:
            raise SystemExit("the server has closed the connection")
        got += n


def measure(loop: str, kind: str, size: int, seconds: float) -> float:
    """Microseconds of the server's CPU for a message."""
    pinned = {*os.sched_getaffinity(0)}
    child = subprocess.Popen(
        [sys.executable, __file__, "--server", loop, kind, str(size)],
        stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout
        sock = connect(int(child.stdout.readline()), kind)
        message = b"x" * size
        view = memoryview(bytearray(1 if kind == "bulk" else size))
        for _ in range(50):
            exchange(sock, message, view)
        before, until, n = cpu(child.pid), time.monotonic() + seconds, 0
        while time.monotonic() < until:
            for _ in range(20):
                exchange(sock, message, view)
            n += 20
        time.sleep(0.02)  # the last message's work is over
        used = cpu(child.pid) - before
        sock.close()
        return used / n / 1000
    finally:
        child.kill()
        child.wait()
        os.sched_setaffinity(0, pinned)


def make_certificate() -> None:
    if not CERTIFICATE.exists():
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-keyout", str(CERTIFICATE), "-out", str(CERTIFICATE) + ".crt",
             "-days", "3650", "-subj", "/CN=localhost"],
            check=True, capture_output=True)
        with CERTIFICATE.open("a") as out:
            out.write(Path(str(CERTIFICATE) + ".crt").read_text())


def available() -> list[str]:
    names = []
    for name in LOOPS:
        try:
            __import__(name)
        except ImportError:
            print(f"{name} is not installed: left out", file=sys.stderr)
        else:
            names.append(name)
    return names


def report(kind: str, size: int, rounds: list[dict[str, float]]) -> None:
    line: dict[str, object] = {"case": f"aio_{kind}", "kib": size // 1024}
    for name in rounds[0]:
        line[name] = round(statistics.median(r[name] for r in rounds), 2)
        if name != "bide":
            ratios = [r[name] / r["bide"] for r in rounds]
            line[f"{name}/bide"] = round(statistics.median(ratios), 2)
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--server", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.server:
        server(given.server[0], given.server[1], int(given.server[2]))
        return
    make_certificate()
    loops = available()
    rounds, seconds = (3, 0.3) if given.quick else (7, 1.0)
    for kind in given.cases or KINDS:
        for kib in map(int, given.sizes.split(",")):
            size = kib * 1024 if kind != "bulk" else 1024 * 1024 * kib // 10
            if kind == "bulk" and kib != 100:
                continue
            report(kind, size, [
                {name: measure(name, kind, size, seconds) for name in loops}
                for _ in range(rounds)])


if __name__ == "__main__":
    main()
