"""Servers on bide's loop under load, with clients that break off as they like.

    python soak.py SECONDS [asyncio]

uvicorn and aiohttp each serve wrk for so long, while other clients send a part of a
request or of a body, read a part of the answer, and reset or half-close. The load
comes in two equal halves. After each, once the server has noticed that all clients
are gone, it has to hold the connections, descriptors and objects that it held after
the other one, and hardly more of the heap; and it must have said nothing of an error:
no sanitizer, no traceback. With `asyncio` the loop is that one, for comparison.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))

from peers import program  # noqa: E402

SERVER = Path(__file__).with_name("soak_server.py")
WRONG = re.compile(r"Traceback|Sanitizer|Exception ignored|never awaited|"
                   r"never retrieved|ResourceWarning|runtime error:")
PATIENCE = 60  # seconds until the server has noticed that clients are gone
RUDE = 2  # clients of that kind at a time
#: What a half may leave on the heap: caches of packages, and next to nothing for
#: each connection (a transport and its protocol alone are thousands of bytes).
SLACK, SLACK_EACH = 200_000, 20


class Rude:
    """Clients that do not see their requests through."""

    def __init__(self, port: int, seed: int) -> None:
        self.port = port
        self.dice = random.Random(seed)
        self.connections = 0

    def until(self, end: float) -> None:
        while time.monotonic() < end:
            try:
                self.one()
            except OSError:
                pass
            self.connections += 1

    def one(self) -> None:
        dice = self.dice
        with socket.create_connection(("127.0.0.1", self.port), 10) as s:
            s.settimeout(dice.choice([0.002, 0.05, 1]))
            request = self.request()
            whole = dice.random() < 0.6
            s.sendall(request if whole
                      else request[:dice.randint(0, len(request))])
            if dice.random() < 0.4:
                s.shutdown(socket.SHUT_WR)
            if dice.random() < 0.6:
                s.recv(dice.randint(1, 100_000))
            if dice.random() < 0.6:  # close() is a reset
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))

    def request(self) -> bytes:
        kind = self.dice.randrange(3)
        if kind == 2:
            size = self.dice.choice([10, 5000, 200_000])
            return (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                    % size + bytes(size))
        path = (b"/", b"/large")[kind]
        return (b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path
                * self.dice.randint(1, 3))


def wrk(port: int, path: str, seconds: float, connections: int) -> int:
    report = subprocess.run(
        [program("wrk"), "-t1", f"-c{connections}", f"-d{seconds:.0f}s",
         f"http://127.0.0.1:{port}{path}"],
        capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in report, report
    found = re.search(r"(\d+) requests in", report)
    assert found, report
    return int(found[1])


def load(port: int, seconds: float, seed: int) -> tuple[int, int]:
    """Requests answered and connections broken off."""
    rude = [Rude(port, seed + n) for n in range(RUDE)]
    end = time.monotonic() + seconds
    threads = [threading.Thread(target=r.until, args=(end,)) for r in rude]
    for thread in threads:
        thread.start()
    served = (wrk(port, "/", seconds / 2, 16)
              + wrk(port, "/large", seconds / 2, 4))
    for thread in threads:
        thread.join()
    return served, sum(r.connections for r in rude)


def ask(port: int) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/census", headers={"Connection": "close"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status == 200, (answer.status, text)
    told: dict[str, Any] = json.loads(text)
    return told


def census(port: int, wanted: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the server holds once only we are connected, and, if that comes, as
    much as before."""
    end = time.monotonic() + PATIENCE
    while True:
        told = ask(port)
        settled = told["connections"] == 1 and (
            wanted is None or (told["descriptors"] == wanted["descriptors"]
                               and told["objects"] == wanted["objects"]))
        if settled or time.monotonic() > end:
            return told
        time.sleep(0.1)  # the server tells nobody of clients that go


def soak(port: int, seconds: float, seed: int) -> str:
    load(port, 2, seed)  # what is made once is made now
    ask(port)
    half = max(seconds / 2, 2)
    load(port, half, seed + 10)
    before = census(port)
    served, broken = load(port, half, seed + 20)
    after = census(port, before)
    grown = after["heap"] - before["heap"]
    report = (f"  {served} requests and {broken} connections broken off in "
              f"{half:.0f} s, {grown} bytes of the heap more\n"
              f"  before: {before}\n  after:  {after}")
    assert served > 10, report
    assert broken > 10, report
    for what in ("connections", "descriptors", "objects"):
        assert after[what] == before[what], f"{what} leak:\n{report}"
    assert grown < SLACK + SLACK_EACH * (served + broken), f"leak:\n{report}"
    return report


def run(name: str, seconds: float, *options: str) -> None:
    seed = int(os.environ.get("BIDE_SEED", time.time_ns() % 1_000_000))
    print(f"{name}: seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, str(SERVER), name, *options], stdout=out,
                stderr=out)
        try:
            print(soak(wait_for_port(process, log), seconds, seed), flush=True)
            process.terminate()
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
            text = log.read_text()
            if process.returncode not in (0, -signal.SIGTERM):
                print(text[-20_000:])
    assert not WRONG.search(text), text[-20_000:]
    assert process.returncode in (0, -signal.SIGTERM), process.returncode


def wait_for_port(process: subprocess.Popen[bytes], log: Path) -> int:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"running on http://127\.0\.0\.1:(\d+)",
                              log.read_text()):
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError("the server did not come up:\n" + log.read_text())


if __name__ == "__main__":
    began = time.monotonic()
    for server in ("uvicorn", "aiohttp"):
        run(server, float(sys.argv[1]), *sys.argv[2:])
    print(f"2 passed in {time.monotonic() - began:.1f}s")
