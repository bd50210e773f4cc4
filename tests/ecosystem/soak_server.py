"""A server for soak.py: `python soak_server.py uvicorn|aiohttp [asyncio]`.

GET / and /large answer, POST / takes a body, and /census tells what the process
holds: connections, descriptors, objects of bide's by type, bytes of the heap (only
under AddressSanitizer, which counts them).
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import ctypes
import gc
import json
import os
import signal
import sys

import bide

PIECES = [b"x" * 10240] * 20


def heap() -> int:
    try:
        allocated = ctypes.CDLL(None).__sanitizer_get_current_allocated_bytes
    except AttributeError:
        return 0
    allocated.restype = ctypes.c_size_t
    return int(allocated())


def census() -> str:
    gc.collect()
    objects = gc.get_objects()
    kinds = collections.Counter(
        type(o).__qualname__ for o in objects
        if str(type(o).__module__).split(".")[0] == "bide")
    transports = [o for o in objects if issubclass(type(o), asyncio.Transport)]
    kinds["asyncio tasks"] = len(asyncio.all_tasks())
    return json.dumps({
        "connections": len(transports),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "objects": kinds,
        "heap": heap(),
    })


def serve_uvicorn(factory) -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect
    from starlette.responses import PlainTextResponse, StreamingResponse
    from starlette.routing import Route

    async def small(request):
        try:
            return PlainTextResponse(f"hello {len(await request.body())}")
        except ClientDisconnect:
            return PlainTextResponse("")

    async def large(request):
        async def pieces():
            for piece in PIECES:
                yield piece
        return StreamingResponse(pieces())

    async def tell(request):
        return PlainTextResponse(census())

    app = Starlette(routes=[
        Route("/", small, methods=["GET", "POST"]), Route("/large", large),
        Route("/census", tell)])
    config = uvicorn.Config(app, port=0, access_log=False,
                            timeout_keep_alive=1, timeout_graceful_shutdown=5)
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(uvicorn.Server(config).serve())


def serve_aiohttp(factory) -> None:
    from aiohttp import web

    async def small(request):
        with contextlib.suppress(ConnectionError):
            return web.Response(text=f"hello {len(await request.read())}")
        return web.Response()

    async def large(request):
        response = web.StreamResponse()
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            for piece in PIECES:
                await response.write(piece)
        return response

    async def tell(request):
        return web.Response(text=census())

    async def main():
        app = web.Application()
        app.add_routes([web.get("/", small), web.post("/", small),
                        web.get("/large", large), web.get("/census", tell)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(f"running on http://127.0.0.1:{runner.addresses[0][1]}",
              flush=True)
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
        await runner.cleanup()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


if __name__ == "__main__":
    stock = sys.argv[2:] == ["asyncio"]
    new_loop = asyncio.new_event_loop if stock else bide.new_event_loop
    {"uvicorn": serve_uvicorn, "aiohttp": serve_aiohttp}[sys.argv[1]](new_loop)
