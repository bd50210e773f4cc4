"""TLS transports, on bide's loop and on asyncio's."""

import asyncio
import contextlib
import socket
import ssl

import pytest

from aio_net import Buffered, Recorder, complaints, every_loop, run, until
from descriptors import open_sockets
from tls_support import client_context, server_context

BIG = bytes(range(256)) * 8192  # 2 MiB


class Echo(Recorder):
    def data_received(self, data):
        self.transport.write(data)
        self.note("echoed")


@contextlib.asynccontextmanager
async def serving(factory=Echo, **options):
    server = await asyncio.get_running_loop().create_server(
        factory, "127.0.0.1", 0, ssl=server_context(), **options)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()


async def connect(address, factory=Recorder, **options):
    return await asyncio.get_running_loop().create_connection(
        factory, *address, ssl=client_context(), server_hostname="localhost",
        **options)


async def finish(protocol):
    protocol.transport.close()
    await protocol.until_event("lost")


@every_loop
@pytest.mark.parametrize("factory", [Recorder, Buffered])
@pytest.mark.parametrize("size", [1, 1024, 16384, 16385, 100_000, len(BIG)])
def test_tls_carries_messages_of_any_size(loop_name, factory, size):
    async def main():
        async with serving() as address:
            transport, protocol = await connect(address, factory)
            transport.write(BIG[:size])
            await protocol.until_data(size)
            assert protocol.data == BIG[:size]
            await finish(protocol)
            assert protocol.events[0] == "made"
            assert protocol.lost is None

    run(main, loop_name)


@every_loop
def test_tls_writes_lists_and_other_buffers(loop_name):
    async def main():
        async with serving() as address:
            transport, protocol = await connect(address)
            transport.writelines([b"a", bytearray(b"b"), memoryview(b"c")])
            transport.write(bytearray(b"d"))
            transport.write(memoryview(b"e"))
            transport.write(b"")
            await protocol.until_data(5)
            assert protocol.data == b"abcde"
            with pytest.raises(TypeError, match="expecting a bytes-like"):
                transport.write("text")
            await finish(protocol)

    run(main, loop_name)


@every_loop
def test_tls_server_may_speak_first(loop_name):
    class Greets(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.write(b"hello" * 1000)

    async def main():
        async with serving(Greets) as address:
            _, protocol = await connect(address)
            await protocol.until_data(5000)
            await finish(protocol)

    run(main, loop_name)


async def _trickle(reader, writer, n):
    """Passes on what comes, `n` bytes at a time."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(n):
            writer.write(data)
            await writer.drain()
    writer.close()


@every_loop
@pytest.mark.parametrize("n", [1, 3, 7, 1000])
def test_tls_records_may_come_in_pieces(loop_name, n):
    """A proxy between the two ends cuts records apart, and glues them."""
    async def main():
        async with serving() as address:
            async def proxy(reader, writer):
                upstream = await asyncio.open_connection(*address)
                await asyncio.gather(_trickle(reader, upstream[1], n),
                                     _trickle(upstream[0], writer, n))

            between = await asyncio.start_server(proxy, "127.0.0.1", 0)
            transport, protocol = await connect(
                between.sockets[0].getsockname())
            total = b""
            for size in (1, 100, 3000):
                transport.write(BIG[:size])
                total += BIG[:size]
                await protocol.until_data(len(total))
            assert protocol.data == total
            await finish(protocol)
            between.close()
            await between.wait_closed()

    run(main, loop_name)


@every_loop
def test_tls_controls_the_flow_both_ways(loop_name):
    async def main():
        received = Recorder()
        async with serving(lambda: received) as address:
            transport, protocol = await connect(address)
            await received.until_event("made")
            received.transport.pause_reading()
            for _ in range(16):
                transport.write(BIG)
            assert "pause" in protocol.events
            assert transport.get_write_buffer_size() > 0
            received.transport.resume_reading()
            await received.until_data(16 * len(BIG))
            await protocol.until_event("resume")
            assert received.data == BIG * 16
            await finish(protocol)

    run(main, loop_name)


@every_loop
def test_tls_paused_keeps_what_arrives(loop_name):
    async def main():
        echo = Echo()
        async with serving(lambda: echo) as address:
            transport, protocol = await connect(address)
            transport.pause_reading()
            assert not transport.is_reading()
            for i, part in enumerate((b"one", b"two", b"three"), 1):
                transport.write(part)
                await echo.until(lambda i=i: echo.events.count("echoed") == i)
                for _ in range(5):  # it could be read by now
                    await asyncio.sleep(0)
            assert protocol.data == b""
            transport.resume_reading()
            await protocol.until_data(11)
            assert protocol.data == b"onetwothree"
            transport.write(b"four")
            await protocol.until_data(15)
            await finish(protocol)

    run(main, loop_name)


@every_loop
def test_tls_switches_protocols(loop_name):
    async def main():
        async with serving() as address:
            transport, first = await connect(address)
            second, third = Buffered(), Recorder()
            for protocol in (first, second, third):
                transport.set_protocol(protocol)
                assert transport.get_protocol() is protocol
                transport.write(BIG[:50_000])
                await protocol.until_data(50_000)
            transport.close()
            await third.until_event("lost")

    run(main, loop_name)


@every_loop
def test_tls_knows_its_connection(loop_name):
    async def main():
        async with serving() as address:
            transport, protocol = await connect(address)
            assert isinstance(transport, asyncio.Transport)
            assert transport.get_extra_info("peername") == address
            assert transport.get_extra_info("peercert")["subject"]
            assert transport.get_extra_info("cipher")
            assert transport.get_extra_info("compression") is None
            assert isinstance(transport.get_extra_info("ssl_object"),
                              ssl.SSLObject)
            assert isinstance(transport.get_extra_info("sslcontext"),
                              ssl.SSLContext)
            assert transport.get_extra_info("unknown", 5) == 5
            assert not transport.can_write_eof()
            await finish(protocol)

    run(main, loop_name)


@every_loop
def test_tls_write_after_close_is_silent(loop_name, caplog):
    async def main():
        async with serving() as address:
            transport, protocol = await connect(address)
            transport.close()
            for _ in range(3):
                transport.write(b"x")
            assert not caplog.records
            await protocol.until_event("lost")

    run(main, loop_name)


def test_tls_write_after_a_second_close_is_silent():
    """asyncio's own raises AttributeError."""
    async def main():
        async with serving() as address:
            transport, protocol = await connect(address)
            transport.close()
            transport.close()
            transport.write(b"x")
            transport.writelines([b"x"])
            await protocol.until_event("lost")

    run(main)


@every_loop
def test_tls_abort_ends_at_once(loop_name):
    async def main():
        received = Recorder()
        async with serving(lambda: received) as address:
            transport, protocol = await connect(address)
            await received.until_event("made")
            transport.write(BIG * 4)
            transport.abort()
            await protocol.until_event("lost")
            await received.until_event("lost")
            assert transport.is_closing()

    run(main, loop_name)


@every_loop
def test_tls_end_of_the_peer_is_told(loop_name):
    class Closes(Recorder):
        def data_received(self, data):
            self.transport.write(b"bye")
            self.transport.close()

    async def main():
        async with serving(Closes) as address:
            transport, protocol = await connect(address)
            transport.write(b"x")
            await protocol.until_event("lost")
            assert protocol.data == b"bye"
            assert protocol.events[-2:] == ["eof", "lost"]

    run(main, loop_name)


@every_loop
def test_tls_errors_of_the_protocol_end_the_connection(loop_name):
    class Fails(Recorder):
        def data_received(self, data):
            raise LookupError("on purpose")

    async def main():
        async with serving() as address:
            transport, protocol = await connect(address, Fails)
            with complaints() as found:
                transport.write(b"x")
                await protocol.until_event("lost")
            assert found[0]["message"] == "Fatal error on SSL protocol"
            assert isinstance(protocol.lost, LookupError)

    run(main, loop_name)


@every_loop
def test_tls_garbage_is_an_error(loop_name):
    async def main():
        async with serving() as address:
            loop = asyncio.get_running_loop()
            sock = socket.create_connection(address)
            sock.setblocking(False)
            await loop.sock_sendall(sock, b"GET / HTTP/1.0\r\n\r\n" * 3)
            with contextlib.suppress(ConnectionError):
                while await loop.sock_recv(sock, 100):
                    pass
            sock.close()

    run(main, loop_name)


@every_loop
def test_tls_certificate_that_does_not_fit_is_an_error(loop_name):
    async def main():
        async with serving() as address:
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.get_running_loop().create_connection(
                    Recorder, *address, ssl=client_context(),
                    server_hostname="elsewhere.example")

    run(main, loop_name)


@every_loop
def test_tls_handshake_has_a_time_limit(loop_name):
    async def main():
        listening = socket.create_server(("127.0.0.1", 0))
        with pytest.raises(ConnectionAbortedError, match="handshake"):
            await connect(listening.getsockname(), ssl_handshake_timeout=0.05)
        listening.close()

    run(main, loop_name)


@every_loop
@pytest.mark.parametrize("steps", range(0, 24, 3))
def test_tls_connecting_cancelled_leaves_nothing(loop_name, steps):
    async def main():
        async with serving() as address:
            before = open_sockets()
            task = asyncio.create_task(connect(address))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                transport, protocol = await task
                transport.abort()
                await protocol.until_event("lost")
            del task
            await until(lambda: open_sockets() == before)

    run(main, loop_name)


@every_loop
@pytest.mark.parametrize("levels", [1, 2])
def test_start_tls_upgrades_a_transport(loop_name, levels):
    """Twice: TLS in TLS."""
    class Upgrades(Recorder):
        def data_received(self, data):
            if data == b"upgrade":
                self.task = asyncio.create_task(self.upgrade())
            else:
                self.transport.write(data)

        async def upgrade(self):
            self.transport.write(b"go on")
            self.transport = await asyncio.get_running_loop().start_tls(
                self.transport, self, server_context(), server_side=True)
            self.transport.write(b"ready")

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Upgrades, "127.0.0.1", 0)
        transport, protocol = await loop.create_connection(
            Recorder, *server.sockets[0].getsockname())
        for _ in range(levels):
            protocol.data = b""
            transport.write(b"upgrade")
            await protocol.until_data(5)
            transport = await loop.start_tls(
                transport, protocol, client_context(),
                server_hostname="localhost")
            await protocol.until_data(10)
        protocol.data = b""
        transport.write(BIG[:200_000])
        await protocol.until_data(200_000)
        assert protocol.data == BIG[:200_000]
        assert protocol.events.count("made") == 1
        transport.close()
        await protocol.until_event("lost")
        server.close()
        await server.wait_closed()

    run(main, loop_name)


@every_loop
def test_start_tls_checks_its_arguments(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(TypeError, match="sslcontext is expected"):
            await loop.start_tls(asyncio.Transport(), Recorder(), None)
        with pytest.raises(TypeError, match="is not supported by start_tls"):
            await loop.start_tls(asyncio.Transport(), Recorder(),
                                 client_context())

    run(main, loop_name)


@every_loop
def test_tls_streams(loop_name):
    async def main():
        async def serve(reader, writer):
            while line := await reader.readline():
                writer.write(line.upper())
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0,
                                            ssl=server_context())
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname(), ssl=client_context(),
            server_hostname="localhost")
        writer.write(b"a line\n" * 100)
        for _ in range(100):
            assert await reader.readline() == b"A LINE\n"
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        server.close()
        await server.wait_closed()

    run(main, loop_name)
