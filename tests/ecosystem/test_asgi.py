"""uvicorn with FastAPI and Starlette, under wrk, curl and httpx."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path

import httpx
import pytest
from loops import STOCK
from peers import program, run as command, server

APPLICATIONS = """
import asyncio
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

fast = FastAPI()

@fast.get("/items/{number}")
async def item(number: int):
    await asyncio.sleep(0)
    return {"number": number}

@fast.get("/loop")
async def loop():
    return type(asyncio.get_running_loop()).__module__

@fast.get("/thread")
def in_a_thread():
    return "from a thread"

async def plain(request):
    return PlainTextResponse("hello")

async def stream(request):
    async def pieces():
        for n in range(100):
            yield b"x" * 10240
            await asyncio.sleep(0)
    return StreamingResponse(pieces())

star = Starlette(routes=[Route("/", plain), Route("/stream", stream)])
"""


@contextlib.contextmanager
def uvicorn(folder: Path, app: str, *options: str):
    (folder / "applications.py").write_text(APPLICATIONS)
    loop = "asyncio" if STOCK else "bide:new_event_loop"
    words = [sys.executable, "-m", "uvicorn", "--loop", loop, "--port", "0",
             "--app-dir", str(folder), "--no-access-log", *options,
             f"applications:{app}"]
    with server(words, r"running on http://127\.0\.0\.1:(\d+)") as running:
        yield running, f"http://127.0.0.1:{running.match[1]}"


def stop(running) -> None:
    """Ctrl-C; uvicorn ends by that signal once it has shut down."""
    running.process.terminate()
    rest, _ = running.process.communicate(timeout=20)
    text = "".join(running.lines) + rest
    assert "Finished server process" in text, text
    assert "Traceback" not in text, text


def wrk(url: str, connections: int = 32) -> None:
    report = command([program("wrk"), "-t1", f"-c{connections}", "-d2", url])
    assert int(re.search(r"(\d+) requests in", report)[1]) > 20, report
    assert "Non-2xx" not in report, report
    assert "Socket errors" not in report, report


def test_fastapi_under_wrk(tmp_path):
    with uvicorn(tmp_path, "fast") as (running, url):
        wrk(f"{url}/items/7")
        wrk(f"{url}/thread", 8)
        answer = httpx.get(f"{url}/items/12")
        assert answer.json() == {"number": 12}
        assert httpx.get(f"{url}/items/x").status_code == 422
        if not STOCK:
            assert "bide" in httpx.get(f"{url}/loop").json()
        stop(running)


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_starlette_under_wrk(tmp_path, http):
    with uvicorn(tmp_path, "star", "--http", http) as (running, url):
        wrk(f"{url}/")
        wrk(f"{url}/stream", 8)
        assert len(httpx.get(f"{url}/stream").content) == 1024000
        stop(running)


def test_clients_that_break_off(tmp_path):
    with uvicorn(tmp_path, "star") as (running, url):
        httpx.get(url)
        before = len(os.listdir(f"/proc/{running.process.pid}/fd"))
        for _ in range(20):
            with httpx.stream("GET", f"{url}/stream") as answer:
                next(answer.iter_raw(1))
        assert httpx.get(url).text == "hello"
        assert len(os.listdir(f"/proc/{running.process.pid}/fd")) <= before + 2
        stop(running)
