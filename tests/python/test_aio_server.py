"""Servers and connecting, on bide's loop and on asyncio's."""

import asyncio
import contextlib
import errno
import os
import resource
import socket
import sys
import tempfile

import pytest

from aio_net import Recorder, complaints, every_loop, is_full, run, until
from descriptors import open_descriptors, open_sockets


class Echo(Recorder):
    def data_received(self, data):
        super().data_received(data)
        self.transport.write(data)


@contextlib.asynccontextmanager
async def serving(factory=Echo, host="127.0.0.1", **options):
    server = await asyncio.get_running_loop().create_server(
        factory, host, 0, **options)
    try:
        yield server, server.sockets[0].getsockname()
    finally:
        server.close()


async def ping(address, **options):
    transport, protocol = await asyncio.get_running_loop().create_connection(
        Recorder, *address[:2], **options)
    transport.write(b"ping")
    await protocol.until_data(4)
    transport.close()
    await protocol.until_event("lost")
    return transport


@every_loop
def test_server_starts_when_it_is_told(loop_name):
    async def main():
        async with serving(start_serving=False) as (server, address):
            assert not server.is_serving()
            with pytest.raises(OSError):
                await ping(address)
            await server.start_serving()
            assert server.is_serving()
            await ping(address)

    run(main, loop_name)


@every_loop
def test_server_serves_until_it_is_cancelled(loop_name):
    async def main():
        async with serving() as (server, address):
            task = asyncio.create_task(server.serve_forever())
            await ping(address)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not server.is_serving()

    run(main, loop_name)


@every_loop
def test_server_closed_refuses_but_goes_on_with_its_clients(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        async with serving() as (server, address):
            transport, protocol = await loop.create_connection(
                Recorder, *address)
            transport.write(b"one")
            await protocol.until_data(3)
            server.close()
            with pytest.raises(OSError):
                await ping(address)
            transport.write(b"two")
            await protocol.until_data(6)
            transport.close()
            await server.wait_closed()
            await protocol.until_event("lost")

    run(main, loop_name)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="new in 3.13")
@every_loop
@pytest.mark.parametrize("how", ["close_clients", "abort_clients"])
def test_server_ends_its_clients(loop_name, how):
    async def main():
        loop = asyncio.get_running_loop()
        async with serving() as (server, address):
            clients = []
            for _ in range(3):
                _, protocol = await loop.create_connection(Recorder, *address)
                protocol.transport.write(b"x")
                await protocol.until_data(1)
                clients.append(protocol)
            server.close()
            getattr(server, how)()
            for protocol in clients:
                await protocol.until_event("lost")
            await server.wait_closed()

    run(main, loop_name)


@every_loop
def test_server_listens_on_several_hosts(loop_name):
    async def main():
        async with serving(host=["127.0.0.1", "127.0.0.2"]) as (server, _):
            for sock in server.sockets:
                await ping(sock.getsockname())

    run(main, loop_name)


@every_loop
def test_server_shares_its_port(loop_name):
    async def main():
        async with serving(reuse_port=True) as (_, address):
            loop = asyncio.get_running_loop()
            second = await loop.create_server(Echo, *address, reuse_port=True)
            for _ in range(10):
                await ping(address)
            second.close()

    run(main, loop_name)


@every_loop
def test_server_on_a_unix_socket(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "socket")
            server = await loop.create_unix_server(Echo, path)
            transport, protocol = await loop.create_unix_connection(
                Recorder, path)
            transport.write(b"ping")
            await protocol.until_data(4)
            transport.close()
            await protocol.until_event("lost")
            server.close()
            await server.wait_closed()
            assert os.path.exists(path) == (sys.version_info < (3, 13))

    run(main, loop_name)


@every_loop
def test_server_survives_a_lack_of_descriptors(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        async with serving() as (_, address):
            await ping(address)
            clients = [socket.create_connection(address) for _ in range(3)]
            limit = resource.getrlimit(resource.RLIMIT_NOFILE)
            highest = max(open_descriptors())
            with complaints() as found:
                resource.setrlimit(resource.RLIMIT_NOFILE,
                                   (highest + 1, limit[1]))
                fill = []
                try:
                    with contextlib.suppress(OSError):
                        while True:
                            fill.append(os.dup(0))
                    await asyncio.sleep(0)
                    while not found:
                        await asyncio.sleep(0.001)
                finally:
                    for fd in fill:
                        os.close(fd)
                    resource.setrlimit(resource.RLIMIT_NOFILE, limit)
                for client in clients:
                    client.setblocking(False)
                    await loop.sock_sendall(client, b"x")
                    assert await loop.sock_recv(client, 1) == b"x"
                    client.close()
            assert found[0]["exception"].errno == errno.EMFILE
            assert "out of system resource" in found[0]["message"]
            await ping(address)

    run(main, loop_name)


@every_loop
def test_server_closes_what_its_factory_refuses(loop_name):
    def refuses():
        raise LookupError("on purpose")

    async def main():
        async with serving(refuses) as (_, address):
            sock = socket.create_connection(address)
            sock.setblocking(False)
            assert await asyncio.wait_for(
                asyncio.get_running_loop().sock_recv(sock, 1), 5) == b""
            sock.close()

    if loop_name == "asyncio":
        pytest.skip("asyncio leaves it to the collector")
    run(main, loop_name)


@every_loop
def test_connection_tries_every_address(loop_name):
    """A name of several addresses, of which the first does not answer."""
    async def main():
        loop = asyncio.get_running_loop()
        async with serving() as (_, address):
            async def resolve(host, port, **options):
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "",
                         (ip, address[1])) for ip in ("127.0.0.9", "127.0.0.1")]
            loop.getaddrinfo = resolve
            for delay in (None, 0.01):
                transport = await ping(("name", address[1]),
                                       happy_eyeballs_delay=delay)
                assert transport.get_extra_info("peername") == address

    run(main, loop_name)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="new in 3.12")
@every_loop
def test_connection_reports_all_errors(loop_name):
    async def main():
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]  # bound, nobody listens
        with pytest.raises(ExceptionGroup) as info:
            await asyncio.get_running_loop().create_connection(
                Recorder, "127.0.0.1", port, all_errors=True)
        assert all(isinstance(e, OSError) for e in info.value.exceptions)
        sock.close()

    run(main, loop_name)


@every_loop
def test_connection_from_a_local_address(loop_name):
    async def main():
        async with serving() as (_, address):
            transport = await ping(address, local_addr=("127.0.0.5", 0))
            assert transport.get_extra_info("sockname")[0] == "127.0.0.5"

    run(main, loop_name)


@every_loop
def test_connection_cancelled_leaves_nothing(loop_name):
    async def main():
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        held = open_sockets()
        loop = asyncio.get_running_loop()
        address = listening.getsockname()
        for steps in range(8):
            task = asyncio.create_task(
                loop.create_connection(Recorder, *address))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                transport, protocol = await task
                transport.abort()
                await protocol.until_event("lost")
            del task
        for _ in range(3):
            await asyncio.sleep(0)
        assert open_sockets() == held
        listening.close()

    run(main, loop_name)


@every_loop
def test_accepted_socket_becomes_a_transport(loop_name):
    async def main():
        ours, peer = socket.socketpair()
        transport, protocol = await (
            asyncio.get_running_loop().connect_accepted_socket(Echo, ours))
        peer.setblocking(False)
        peer.send(b"x")
        assert await asyncio.get_running_loop().sock_recv(peer, 1) == b"x"
        transport.close()
        await protocol.until_event("lost")
        peer.close()

    run(main, loop_name)


@every_loop
@pytest.mark.parametrize("fallback", [True, False])
def test_sendfile_sends_between_writes(loop_name, fallback):
    content = bytes(range(256)) * 4096

    async def main():
        loop = asyncio.get_running_loop()
        received = Recorder()
        async with serving(lambda: received) as (_, address):
            transport, protocol = await loop.create_connection(
                Recorder, *address)
            with tempfile.TemporaryFile() as file:
                file.write(content)
                file.flush()
                transport.write(b"<")
                assert await loop.sendfile(transport, file, 10, 500_000,
                                           fallback=fallback) == 500_000
                transport.write(b">")
            await received.until_data(500_002)
            assert received.data == b"<" + content[10:500_010] + b">"
            received.transport.write(b"still reading")
            await protocol.until_data(13)
            transport.close()
            await protocol.until_event("lost")

    run(main, loop_name)


@every_loop
def test_sendfile_cancelled_leaves_the_transport_usable(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        received = Recorder()
        async with serving(lambda: received) as (_, address):
            transport, protocol = await loop.create_connection(
                Recorder, *address)
            await received.until_event("made")
            received.transport.pause_reading()
            with tempfile.TemporaryFile() as file:
                file.truncate(64 << 20)
                task = asyncio.create_task(loop.sendfile(transport, file))
                sock = transport.get_extra_info("socket")
                await until(lambda: is_full(sock))
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            received.transport.resume_reading()
            transport.write(b"end")
            await received.until(lambda: received.data.endswith(b"end"))
            transport.close()
            await protocol.until_event("lost")

    run(main, loop_name)
