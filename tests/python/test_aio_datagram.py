"""Datagram endpoints, on bide's loop and on asyncio's."""

import asyncio

import pytest

from aio_net import every_loop, run


class Recorder(asyncio.DatagramProtocol):
    def __init__(self):
        self.got = asyncio.Queue()
        self.failed = asyncio.Queue()
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.got.put_nowait((data, address))

    def error_received(self, exc):
        self.failed.put_nowait(exc)

    def connection_lost(self, exc):
        self.lost.set_result(exc)


async def endpoint(**options):
    return await asyncio.get_running_loop().create_datagram_endpoint(
        Recorder, **options)


@every_loop
def test_datagrams_go_both_ways(loop_name):
    async def main():
        server, serving = await endpoint(local_addr=("127.0.0.1", 0))
        address = server.get_extra_info("sockname")
        client, asking = await endpoint(remote_addr=address)
        for size in (0, 1, 1400, 60_000):
            client.sendto(b"x" * size)
            if size == 0:
                continue
            data, sender = await serving.got.get()
            while not data:
                data, sender = await serving.got.get()
            server.sendto(data, sender)
            assert await asking.got.get() == (b"x" * size, address)
        for transport, protocol in ((client, asking), (server, serving)):
            # asyncio's own is no DatagramTransport before 3.12.
            assert isinstance(transport, asyncio.BaseTransport)
            assert "fd=" in repr(transport)
            transport.close()
            assert "closing" in repr(transport)
            assert await protocol.lost is None
            assert "closed" in repr(transport)

    run(main, loop_name)


@every_loop
def test_datagram_refused_is_told(loop_name):
    async def main():
        server, serving = await endpoint(local_addr=("127.0.0.1", 0))
        address = server.get_extra_info("sockname")
        server.close()
        await serving.lost
        client, asking = await endpoint(remote_addr=address)
        client.sendto(b"x")
        assert isinstance(await asking.failed.get(), ConnectionRefusedError)
        with pytest.raises(ValueError, match="Invalid address"):
            client.sendto(b"x", ("127.0.0.9", 9))
        client.abort()
        await asking.lost

    run(main, loop_name)
