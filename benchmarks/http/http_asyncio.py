"""HTTP on asyncio's streams; `--loop bide|uvloop`: on another loop."""

import asyncio
import importlib
import sys
from pathlib import Path

from shared import Server, example


class Stream:
    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def read(self):
        try:
            async with asyncio.timeout(example.IDLE):
                return await self.reader.read(65536)
        except TimeoutError:
            return b""

    async def write(self, data):
        self.writer.write(data)
        await self.writer.drain()


async def main():
    server = Server(Path("."))

    async def handle(reader, writer):
        try:
            await server.conversation(Stream(reader, writer))
        except ConnectionError:
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=1024)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


def new_loop():
    if "--loop" not in sys.argv:
        return asyncio.new_event_loop
    name = sys.argv[sys.argv.index("--loop") + 1]
    return importlib.import_module(name).new_event_loop


with asyncio.Runner(loop_factory=new_loop()) as runner:
    runner.run(main())
