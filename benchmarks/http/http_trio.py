"""HTTP on trio's streams."""

from pathlib import Path

import trio
from shared import Server, example


class Stream:
    def __init__(self, stream):
        self.stream = stream
        self.write = stream.send_all

    async def read(self):
        with trio.move_on_after(example.IDLE):
            return await self.stream.receive_some(65536)
        return b""


async def main():
    server = Server(Path("."))

    async def handle(stream):
        try:
            await server.conversation(Stream(stream))
        except trio.BrokenResourceError:
            pass

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1024)
    print(listeners[0].socket.getsockname()[1], flush=True)
    await trio.serve_listeners(handle, listeners)


trio.run(main)
