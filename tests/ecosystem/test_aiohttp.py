"""aiohttp's server and client in one loop."""

from __future__ import annotations

import asyncio
import errno
import json

from aiohttp import ClientSession, TCPConnector, WSMsgType, web

BIG = bytes(range(256)) * 4096


async def hello(request):
    return web.json_response({"hello": request.match_info["name"]})


async def echo(request):
    return web.Response(body=await request.read())


async def big(_request):
    response = web.StreamResponse()
    await response.prepare(_request)
    for start in range(0, len(BIG), 65536):
        await response.write(BIG[start:start + 65536])
    return response


async def socket(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        if message.type == WSMsgType.TEXT:
            await ws.send_str(message.data.upper())
    return ws


class Site:
    """The application on a free port."""

    async def __aenter__(self):
        app = web.Application(client_max_size=1 << 24)
        app.add_routes([web.get("/hello/{name}", hello), web.post("/echo", echo),
                        web.get("/big", big), web.get("/ws", socket)])
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        port = self.runner.addresses[0][1]
        return f"http://127.0.0.1:{port}"

    async def __aexit__(self, *_details):
        await self.runner.cleanup()


def test_requests_in_parallel(run):
    async def main():
        async with Site() as url, ClientSession(
                connector=TCPConnector(limit=20)) as session:

            async def ask(n):
                async with session.get(f"{url}/hello/{n}") as response:
                    return (await response.json())["hello"]

            names = await asyncio.gather(*(ask(n) for n in range(300)))
            assert names == [str(n) for n in range(300)]

    run(main())


def test_big_bodies_both_ways(run):
    async def main():
        async with Site() as url, ClientSession() as session:
            async with session.get(f"{url}/big") as response:
                assert await response.read() == BIG
            async with session.post(f"{url}/echo", data=BIG) as response:
                assert await response.read() == BIG

    run(main())


def test_websockets(run):
    async def main():
        async with Site() as url, ClientSession() as session:
            async with session.ws_connect(f"{url}/ws") as ws:
                for word in ("one", "two"):
                    await ws.send_str(word)
                    assert (await ws.receive()).data == word.upper()

    run(main())


def test_timeout_and_refusal(run):
    async def main():
        async def silent(_reader, writer):
            await asyncio.sleep(60)
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with ClientSession() as session:
            try:
                async with asyncio.timeout(0.2):
                    await session.get(f"http://127.0.0.1:{port}/")
            except TimeoutError:
                pass
            else:
                raise AssertionError("it answered")
            server.close()
            try:
                await session.get("http://127.0.0.1:1/")
            except OSError as error:
                assert error.errno == errno.ECONNREFUSED
            else:
                raise AssertionError("it connected")

    run(main())


def test_no_descriptor_is_left(run, descriptors):
    async def main():
        async with Site() as url, ClientSession() as session:
            async with session.post(f"{url}/echo",
                                    data=json.dumps([1])) as response:
                assert await response.text() == "[1]"

    run(main())
    before = descriptors()
    run(main())
    assert descriptors() <= before
