"""Servers on bide's loop under load, with clients that break off as they like.

    python soak.py SECONDS

uvicorn and aiohttp each serve wrk for so long, while other clients connect, send
a part of a request, read a part of the answer, and reset the connection. After
that the server has to answer as before, hold no more descriptors and hardly more
memory, and have said nothing of an error: no sanitizer, no traceback.
"""

from __future__ import annotations

import os
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))

from peers import Running, program  # noqa: E402

SERVERS = {
    "uvicorn": """
import bide, uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

async def small(request):
    return PlainTextResponse("hello")

async def large(request):
    async def pieces():
        for _ in range(20):
            yield b"x" * 10240
    return StreamingResponse(pieces())

app = Starlette(routes=[Route("/", small), Route("/large", large)])
uvicorn.run(app, port=0, loop="bide:new_event_loop", access_log=False)
""",
    "aiohttp": """
import asyncio, bide
from aiohttp import web

async def small(request):
    return web.Response(text="hello")

async def large(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(20):
        await response.write(b"x" * 10240)
    return response

app = web.Application()
app.add_routes([web.get("/", small), web.get("/large", large)])
async def main():
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"running on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(15, stop.set)
    await stop.wait()
    await runner.cleanup()
    print("ended", flush=True)
with asyncio.Runner(loop_factory=bide.new_event_loop) as runner:
    runner.run(main())
""",
}
WRONG = re.compile(r"Traceback|Sanitizer|Exception ignored|never awaited|"
                   r"never retrieved|ResourceWarning|runtime error:")
REQUEST = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"


def break_off(port: int, dice: random.Random) -> None:
    """One client that does not see its request through."""
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0) if dice.random() < 0.7
                     else struct.pack("ii", 0, 0))
        request = REQUEST % dice.choice([b"/", b"/large"]) * dice.randint(1, 3)
        s.sendall(request[:dice.randint(0, len(request))])
        if dice.random() < 0.5 and request.endswith(b"\r\n\r\n"):
            s.settimeout(dice.choice([0.001, 0.05]))
            try:
                s.recv(dice.randint(1, 100_000))
            except TimeoutError:
                pass


def annoy(port: int, until: float, seed: int, counts: list[int]) -> None:
    dice = random.Random(seed)
    while time.monotonic() < until:
        try:
            break_off(port, dice)
            counts[0] += 1
        except OSError:
            counts[1] += 1


def wrk(port: int, path: str, seconds: float, connections: int) -> int:
    report = subprocess.run(
        [program("wrk"), "-t1", f"-c{connections}", f"-d{seconds:.0f}s",
         f"http://127.0.0.1:{port}{path}"],
        capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in report, report
    found = re.search(r"(\d+) requests in", report)
    assert found, report
    return int(found[1])


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def state(running: Running) -> tuple[int, int]:
    return running.descriptors(), resident(running.process.pid)


def load(port: int, seconds: float, seed: int) -> str:
    counts = [0, 0]
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=annoy, args=(port, until, seed + n,
                                                    counts))
               for n in range(4)]
    for thread in threads:
        thread.start()
    served = wrk(port, "/", seconds / 2, 32) + wrk(port, "/large", seconds / 2,
                                                   8)
    for thread in threads:
        thread.join()
    return f"{served} requests, {counts[0]} broken off"


def soak(name: str, seconds: float) -> None:
    seed = int(os.environ.get("BIDE_SEED", time.time_ns() % 1_000_000))
    print(f"{name}: seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "serve.py")
        path.write_text(SERVERS[name])
        log = Path(folder, "log").open("w+")
        process = subprocess.Popen(
            [sys.executable, "-X", "dev", str(path)], stdout=log, stderr=log,
            text=True)
        try:
            port = wait_for_port(process, Path(log.name))
            running = Running(process)
            load(port, max(3, seconds / 5), seed)  # caches fill
            before = settled(running, 0)
            done = load(port, seconds, seed + 100)
            after = settled(running, before[0])
            wrk(port, "/", 1, 4)
            process.terminate()
            process.wait(30)
        finally:
            process.kill()
            text = Path(log.name).read_text()
    grown = after[1] - before[1]
    print(f"  {done}; descriptors {before[0]} -> {after[0]}, memory grew by "
          f"{grown / 1e6:.1f} MB")
    assert not WRONG.search(text), text[-20_000:]
    assert after[0] <= before[0], "descriptors leak"
    assert grown < 24e6, "memory leaks"


def settled(running: Running, wanted: int) -> tuple[int, int]:
    """The state once the server has noticed that its clients are gone."""
    deadline = time.monotonic() + 10
    last = state(running)
    while time.monotonic() < deadline:
        time.sleep(0.2)
        now = state(running)
        if now[0] == last[0] and (not wanted or now[0] <= wanted):
            return now
        last = now
    return last


def wait_for_port(process: subprocess.Popen[str], log: Path) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"running on http://127\.0\.0\.1:(\d+)",
                          log.read_text())
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError("the server did not come up:\n" + log.read_text())


if __name__ == "__main__":
    for server in SERVERS:
        soak(server, float(sys.argv[1]))
    print(f"{len(SERVERS)} passed in {2 * float(sys.argv[1])}s")
