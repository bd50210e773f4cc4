"""TLS: cancelled at every park of its operations."""

import bide
from sweep import cancel_at_every_park
from tls_support import client_context, pair, server_context


class Conversation:
    """The victim at one end does everything once; the peer at the other takes
    what comes. A cancelled victim closes its end, and the peer gets through."""

    size = 400_000

    def __init__(self, server_side):
        self.server_side = server_side
        self.ends = None
        self.peer_done = False
        self.server, self.client = server_context(), client_context()

    def open(self):
        if self.ends is None:
            self.ends = bide.socketpair()
        return self.ends

    async def start(self, stream, server_side):
        if server_side:
            return await stream.start_tls(self.server, server_side=True)
        return await stream.start_tls(self.client, server_hostname="localhost")

    async def victim(self):
        async with self.open()[0] as stream:
            async with await self.start(stream, self.server_side) as tls:
                await tls.write(b"x" * self.size)
                assert await tls.read_line() == b"line\n"
                assert len(await tls.read_exact(self.size)) == self.size
                await tls.shutdown()
                assert await tls.read() == b""

    async def peer(self):
        try:
            async with self.open()[1] as stream:
                async with await self.start(
                        stream, not self.server_side) as tls:
                    await tls.read_exact(self.size)
                    await tls.write(b"line\n" + b"y" * self.size)
                    await tls.shutdown()
                    await tls.read()
        except (OSError, EOFError, bide.ClosedError):
            pass
        self.peer_done = True

    def tasks(self):
        return [("victim", self.victim()), ("peer", self.peer())]

    def check(self, outcome):
        assert self.peer_done
        assert all(stream.closed for stream in self.ends)


def test_tls_cancel_at_every_park():
    for server_side in False, True:
        cancel_at_every_park(lambda: Conversation(server_side), loop_seeds=(0,))


def test_tls_cancelled_read_loses_nothing():
    async def main():
        client, server = await pair()
        async with client, server:
            for _ in range(3):
                with bide.move_on_after(0.01):
                    await client.read_exact(10)
            await server.write(b"01234")
            with bide.move_on_after(0.01):
                await client.read_exact(10)
            await server.write(b"56789")
            assert await client.read_exact(10) == b"0123456789"

    bide.run(main())


def test_tls_cancelled_write_keeps_the_stream_in_step():
    async def main():
        client, server = await pair()
        async with client, server:
            data = b"z" * 3_000_000
            with bide.move_on_after(0.05):
                await client.write(data)
            task = bide.spawn(_write(client, b"end"))
            assert await server.read_exact(len(data)) == data
            assert await server.read_exact(3) == b"end"
            await task

    async def _write(stream, data):
        await stream.write(data)

    bide.run(main())
