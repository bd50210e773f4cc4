"""Datagram endpoints, on bide's loop and on asyncio's."""

import asyncio
import socket

import pytest

from aio_net import complaints, every_loop, run


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


@every_loop
def test_datagrams_come_in_order_each_once(loop_name):
    async def main():
        server, serving = await endpoint(local_addr=("127.0.0.1", 0))
        client, _ = await endpoint(
            remote_addr=server.get_extra_info("sockname"))
        for i in range(50):
            client.sendto(bytearray([i]))
        got = [(await serving.got.get())[0] for _ in range(50)]
        assert got == [bytes([i]) for i in range(50)]
        client.close()
        server.close()
        await serving.lost

    run(main, loop_name)


@every_loop
def test_datagrams_after_one_that_fails_arrive(loop_name):
    class Fragile(Recorder):
        def datagram_received(self, data, address):
            super().datagram_received(data, address)
            if data in (b"1", b"4"):
                raise ValueError(data.decode())

    async def main():
        with complaints() as told:
            loop = asyncio.get_running_loop()
            server, serving = await loop.create_datagram_endpoint(
                Fragile, local_addr=("127.0.0.1", 0))
            client, _ = await endpoint(
                remote_addr=server.get_extra_info("sockname"))
            for i in range(5):
                client.sendto(b"%d" % i)
            assert [(await serving.got.get())[0] for _ in range(5)] == [
                b"0", b"1", b"2", b"3", b"4"]
            await asyncio.sleep(0)
            assert [str(one["exception"]) for one in told] == ["1", "4"]
        client.close()
        server.close()
        await serving.lost

    run(main, loop_name)


@every_loop
def test_datagrams_end_with_close(loop_name):
    class Once(Recorder):
        def datagram_received(self, data, address):
            super().datagram_received(data, address)
            self.transport.close()

    async def main():
        loop = asyncio.get_running_loop()
        server, serving = await loop.create_datagram_endpoint(
            Once, local_addr=("127.0.0.1", 0))
        client, _ = await endpoint(
            remote_addr=server.get_extra_info("sockname"))
        for _ in range(3):
            client.sendto(b"x")
        assert await serving.lost is None
        assert serving.got.qsize() == 1
        client.close()
        await asyncio.sleep(0)

    run(main, loop_name)


@every_loop
def test_datagrams_have_addresses_as_sockets_tell_them(loop_name, tmp_path):
    async def main():
        loop = asyncio.get_running_loop()
        for family, bound in (
                (socket.AF_INET, ("127.0.0.1", 0)),
                (socket.AF_INET6, ("::1", 0)),
                (socket.AF_UNIX, str(tmp_path / "server"))):
            if family == socket.AF_INET6 and not socket.has_ipv6:
                continue
            own = str(tmp_path / "own") if family == socket.AF_UNIX else bound
            with (socket.socket(family, socket.SOCK_DGRAM) as sock,
                  socket.socket(family, socket.SOCK_DGRAM) as peer):
                sock.setblocking(False)
                sock.bind(bound)
                peer.bind(own)
                transport, protocol = await loop.create_datagram_endpoint(
                    Recorder, sock=sock.dup())
                peer.sendto(b"x", sock.getsockname())
                data, sender = await protocol.got.get()
                assert (data, sender) == (b"x", peer.getsockname())
                transport.sendto(b"back", sender)
                assert peer.recvfrom(9) == (b"back", sock.getsockname())
                with socket.socket(family, socket.SOCK_DGRAM) as nameless:
                    if family == socket.AF_UNIX:
                        nameless.sendto(b"y", sock.getsockname())
                        assert await protocol.got.get() == (b"y", None)
                transport.close()
                await protocol.lost

    run(main, loop_name)


@every_loop
def test_datagrams_wait_for_room(loop_name, tmp_path):
    async def main():
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
            peer.setblocking(False)
            peer.bind(str(tmp_path / "peer"))
            ours.connect(peer.getsockname())
            transport, protocol = (
                await asyncio.get_running_loop().create_datagram_endpoint(
                    Recorder, sock=ours))
            for i in range(600):
                transport.sendto(b"%d" % i)
            assert transport.get_write_buffer_size() > 0
            transport.close()
            loop = asyncio.get_running_loop()
            for i in range(600):
                assert await loop.sock_recv(peer, 99) == b"%d" % i
            assert await protocol.lost is None

    run(main, loop_name)


@every_loop
def test_datagrams_refuse_what_asyncio_refuses(loop_name):
    async def main():
        transport, protocol = await endpoint(local_addr=("127.0.0.1", 0))
        with pytest.raises(TypeError):
            transport.sendto("text", ("127.0.0.1", 9))
        with pytest.raises(TypeError):
            transport.sendto()
        transport.sendto(b"x" * 70_000, ("127.0.0.1", 9))
        assert isinstance(await protocol.failed.get(), OSError)
        transport.close()
        await protocol.lost

    run(main, loop_name)
