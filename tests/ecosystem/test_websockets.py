"""websockets: server and client."""

from __future__ import annotations

import asyncio

import pytest
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


async def reverse(connection):
    async for message in connection:
        await connection.send(message[::-1])


def test_messages_pings_and_closing(run):
    async def main():
        async with serve(reverse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with connect(f"ws://127.0.0.1:{port}") as ws:
                for size in (1, 1000, 100_000):
                    text = "".join(chr(97 + n % 26) for n in range(size))
                    await ws.send(text)
                    assert await ws.recv() == text[::-1]
                await (await ws.ping())
            with pytest.raises(websockets.ConnectionClosed):
                await ws.recv()

    run(main())


def test_many_clients(run):
    async def main():
        async with serve(reverse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]

            async def client(n):
                async with connect(f"ws://127.0.0.1:{port}") as ws:
                    for _ in range(10):
                        await ws.send(b"%03d" % n)
                        assert await ws.recv() == (b"%03d" % n)[::-1]

            await asyncio.gather(*(client(n) for n in range(30)))

    run(main())


def test_server_that_closes_wakes_its_clients(run):
    async def main():
        server = await serve(reverse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}") as ws:
            waiting = asyncio.create_task(ws.recv())
            await asyncio.sleep(0)
            server.close()
            with pytest.raises(websockets.ConnectionClosed):
                await waiting
        await server.wait_closed()

    run(main())
