"""Transports of sockets, on bide's loop and on asyncio's."""

import asyncio
import contextvars
import gc
import socket
import warnings
import weakref

import pytest

from aio_net import (
    Buffered,
    Recorder,
    complaints,
    connected,
    drain,
    every_loop,
    run,
)

BIG = b"x" * (4 << 20)  # more than the system takes at once


@every_loop
@pytest.mark.parametrize("factory", [Recorder, Buffered])
def test_transport_tells_its_protocol_in_order(loop_name, factory):
    async def main():
        async with connected(factory) as (protocol, peer):
            peer.send(b"hello")
            await protocol.until_event("data")
            peer.shutdown(socket.SHUT_WR)
            await protocol.until_event("lost")
            assert protocol.events == ["made", "data", "eof", "lost"]
            assert protocol.data == b"hello"
            assert protocol.lost is None

    run(main, loop_name)


@every_loop
def test_transport_gives_the_creator_its_turn_before_data(loop_name):
    """Who awaits create_connection() may set another protocol, or pause."""
    async def main():
        ours, peer = socket.socketpair()
        peer.send(b"the peer speaks first")
        loop = asyncio.get_running_loop()
        transport, first = await loop.create_connection(Recorder, sock=ours)
        second = Recorder()
        transport.set_protocol(second)
        assert transport.get_protocol() is second
        await second.until_event("data")
        assert first.events == ["made"]
        transport.close()
        peer.close()
        await second.until_event("lost")

    run(main, loop_name)


@every_loop
def test_transport_switches_to_a_buffered_protocol(loop_name):
    async def main():
        async with connected() as (protocol, peer):
            peer.send(b"one")
            await protocol.until_event("data")
            buffered = Buffered()
            protocol.transport.set_protocol(buffered)
            peer.send(b"two")
            await buffered.until_event("data")
            assert (protocol.data, buffered.data) == (b"one", b"two")

    run(main, loop_name)


@every_loop
def test_transport_paused_does_not_read(loop_name):
    async def main():
        async with connected() as (protocol, peer):
            transport = protocol.transport
            assert transport.is_reading()
            transport.pause_reading()
            transport.pause_reading()
            assert not transport.is_reading()
            peer.send(b"later")
            for _ in range(5):
                await asyncio.sleep(0)
            assert protocol.events == ["made"]
            transport.resume_reading()
            transport.resume_reading()
            await protocol.until_event("data")
            transport.close()
            transport.pause_reading()
            transport.resume_reading()
            assert not transport.is_reading()

    run(main, loop_name)


@every_loop
def test_transport_controls_the_flow(loop_name):
    async def main():
        async with connected() as (protocol, peer):
            transport = protocol.transport
            transport.set_write_buffer_limits(high=1000, low=10)
            assert transport.get_write_buffer_limits() == (10, 1000)
            transport.write(BIG)
            assert protocol.events == ["made", "pause"]
            assert 1000 < transport.get_write_buffer_size() < len(BIG)
            transport.write(b"end")
            got = await drain(peer, len(BIG) + 3)
            await protocol.until_event("resume")
            assert protocol.events == ["made", "pause", "resume"]
            assert got == BIG + b"end"
            assert transport.get_write_buffer_size() == 0

    run(main, loop_name)


@every_loop
def test_transport_limits_have_defaults(loop_name):
    async def main():
        async with connected() as (protocol, _):
            transport = protocol.transport
            assert transport.get_write_buffer_limits() == (16384, 65536)
            transport.set_write_buffer_limits(low=100)
            assert transport.get_write_buffer_limits() == (100, 400)
            transport.set_write_buffer_limits(0)
            assert transport.get_write_buffer_limits() == (0, 0)
            for wrong in [{"high": -1}, {"high": 1, "low": 2}, {"low": -1}]:
                with pytest.raises(ValueError, match="must be >= low"):
                    transport.set_write_buffer_limits(**wrong)

    run(main, loop_name)


@every_loop
def test_transport_writes_lists(loop_name):
    async def main():
        async with connected() as (protocol, peer):
            transport = protocol.transport
            transport.writelines([b"a", bytearray(b"b"), memoryview(b"c"), b""])
            transport.writelines([])
            assert await drain(peer, 3) == b"abc"
            transport.writelines([BIG[:1 << 20]] * 4)
            transport.writelines([b"1", b"2"])
            transport.write(b"3")
            assert await drain(peer, (4 << 20) + 3) == BIG + b"123"

    run(main, loop_name)


def test_transport_list_is_written_whole_or_not():
    async def main():
        async with connected() as (protocol, peer):
            with pytest.raises(TypeError):
                protocol.transport.writelines([b"a", "text"])
            assert protocol.transport.get_write_buffer_size() == 0
            protocol.transport.write(b"b")
            assert await drain(peer, 1) == b"b"

    run(main)


def test_transport_keeps_no_hold_on_what_it_was_given():
    """asyncio sends what a bytearray holds when its turn comes, from 3.12 on."""
    async def main():
        async with connected() as (protocol, peer):
            data = bytearray(BIG)
            protocol.transport.write(data)
            data[:] = b"y" * 10
            assert await drain(peer, len(BIG)) == BIG

    run(main)


@every_loop
def test_transport_checks_what_it_is_to_write(loop_name):
    async def main():
        async with connected() as (protocol, peer):
            transport = protocol.transport
            with pytest.raises(TypeError, match="data argument must be"):
                transport.write("text")
            transport.write(b"")
            transport.write(b"x")
            assert transport.can_write_eof()
            transport.write_eof()
            transport.write_eof()
            with pytest.raises(RuntimeError, match=r"after write_eof\(\)"):
                transport.write(b"y")
            assert await drain(peer, 2) == b"x"
            peer.send(b"still open this way")
            await protocol.until_event("data")

    run(main, loop_name)


@every_loop
def test_transport_close_sends_what_is_queued(loop_name):
    async def main():
        async with connected() as (protocol, peer):
            protocol.transport.write(BIG)
            protocol.transport.close()
            protocol.transport.close()
            assert protocol.transport.is_closing()
            assert await drain(peer, len(BIG) + 1) == BIG
            await protocol.until_event("lost")
            assert protocol.lost is None

    run(main, loop_name)


@every_loop
def test_transport_abort_drops_what_is_queued(loop_name):
    async def main():
        async with connected() as (protocol, peer):
            protocol.transport.write(BIG)
            protocol.transport.abort()
            protocol.transport.abort()
            assert protocol.transport.get_write_buffer_size() == 0
            await protocol.until_event("lost")
            assert protocol.lost is None
            assert len(await drain(peer, len(BIG))) < len(BIG)

    run(main, loop_name)


@every_loop
def test_transport_write_after_the_end_is_silent(loop_name, caplog):
    async def main():
        async with connected() as (protocol, _):
            protocol.transport.abort()
            for _ in range(4):
                protocol.transport.write(b"x")
            assert not caplog.records
            protocol.transport.write(b"x")
            protocol.transport.write(b"x")
            assert "socket.send() raised exception" in caplog.text

    run(main, loop_name)


def _reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    b"\1\0\0\0\0\0\0\0")
    sock.close()


@every_loop
@pytest.mark.parametrize("factory", [Recorder, Buffered])
def test_transport_takes_messages_of_all_lengths(loop_name, factory):
    lengths = [10, 20_000, 70_000, 300_000, 5, 140_000, 1, 50_000]
    data = bytes(range(251)) * 1200

    async def main():
        loop = asyncio.get_running_loop()
        async with connected(factory) as (protocol, peer):
            for i, n in enumerate(lengths):
                protocol.data = b""
                await loop.sock_sendall(peer, data[i:i + n])
                await protocol.until_data(n)
                assert protocol.data == data[i:i + n]
            peer.shutdown(socket.SHUT_WR)
            await protocol.until_event("lost")
            assert protocol.lost is None

    run(main, loop_name)


@every_loop
@pytest.mark.parametrize("before", [b"", BIG[:100_000]],
                         ids=["at once", "after much"])
@pytest.mark.parametrize("phase", ["reading", "writing"])
def test_transport_tells_of_a_reset(loop_name, phase, before):
    async def main():
        loop = asyncio.get_running_loop()
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        transport, protocol = await loop.create_connection(
            Recorder, *listening.getsockname())
        peer, _ = await loop.sock_accept(listening)
        await loop.sock_sendall(peer, before)
        await protocol.until_data(len(before))
        if phase == "writing":
            transport.write(BIG)
            transport.pause_reading()
        _reset(peer)
        await protocol.until_event("lost")
        assert isinstance(protocol.lost, ConnectionError)
        assert transport.is_closing()
        listening.close()

    run(main, loop_name)


@every_loop
def test_transport_stays_open_if_the_protocol_says_so(loop_name):
    class Stays(Recorder):
        def eof_received(self):
            super().eof_received()
            return True

    async def main():
        async with connected(Stays) as (protocol, peer):
            peer.shutdown(socket.SHUT_WR)
            await protocol.until_event("eof")
            await asyncio.sleep(0)
            assert not protocol.transport.is_closing()
            protocol.transport.write(b"answer")
            assert await drain(peer, 6) == b"answer"
            assert protocol.events.count("eof") == 1

    run(main, loop_name)


@every_loop
@pytest.mark.parametrize("method, factory, message", [
    ("data_received", Recorder, "data_received() call failed"),
    ("eof_received", Recorder, "eof_received() call failed"),
    ("get_buffer", Buffered, "get_buffer() call failed"),
    ("buffer_updated", Buffered, "buffer_updated() call failed"),
])
def test_transport_reports_errors_of_its_protocol(loop_name, method, factory,
                                                  message):
    def fails(*args):
        raise LookupError("on purpose")

    async def main():
        failing = type("Failing", (factory,), {method: fails})
        async with connected(failing) as (protocol, peer):
            with complaints() as found:
                peer.send(b"x")
                peer.shutdown(socket.SHUT_WR)
                await protocol.until_event("lost")
        [context] = found
        assert message in context["message"]
        assert isinstance(context["exception"], LookupError)
        assert context["protocol"] is protocol
        assert protocol.lost is context["exception"]

    run(main, loop_name)


@every_loop
def test_transport_reads_on_after_an_error_in_connection_made(loop_name):
    class Fails(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            raise LookupError("on purpose")

    async def main():
        with complaints() as found:
            async with connected(Fails) as (protocol, peer):
                peer.send(b"x")
                await protocol.until_event("data")
        assert "connection_made" in found[0]["message"]

    run(main, loop_name)


@every_loop
def test_transport_reports_errors_of_flow_control(loop_name):
    class Fails(Recorder):
        def pause_writing(self):
            raise LookupError("on purpose")

        resume_writing = pause_writing

    async def main():
        async with connected(Fails) as (protocol, peer):
            with complaints() as found:
                protocol.transport.write(BIG)
                await drain(peer, len(BIG))
                while len(found) < 2:
                    await asyncio.sleep(0)
            assert [c["message"] for c in found] == [
                "protocol.pause_writing() failed",
                "protocol.resume_writing() failed"]
            assert not protocol.transport.is_closing()

    run(main, loop_name)


@every_loop
def test_transport_lets_an_interrupt_out_of_the_loop(loop_name):
    class Interrupts(Recorder):
        def data_received(self, data):
            raise KeyboardInterrupt

    async def main():
        async with connected(Interrupts) as (_, peer):
            peer.send(b"x")
            await asyncio.sleep(30)

    with pytest.raises(KeyboardInterrupt):
        run(main, loop_name)


@every_loop
def test_transport_calls_in_the_context_of_its_creation(loop_name):
    variable = contextvars.ContextVar("variable", default="outside")

    class Looks(Recorder):
        def connection_made(self, transport):
            super().connection_made(transport)
            self.seen = [variable.get()]
            variable.set("made")

        def data_received(self, data):
            self.seen.append(variable.get())
            variable.set("data")
            super().data_received(data)

        def connection_lost(self, exc):
            self.seen.append(variable.get())
            super().connection_lost(exc)

    async def main():
        variable.set("creator")
        async with connected(Looks) as (protocol, peer):
            variable.set("later")
            for n in (1, 2):
                peer.send(b"x")
                await protocol.until_data(n)
            peer.close()
            await protocol.until_event("lost")
        assert protocol.seen == ["creator", "creator", "data", "data"]

    run(main, loop_name)


@every_loop
def test_transport_knows_its_connection(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Recorder, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        transport, protocol = await loop.create_connection(Recorder, *address)
        sock = transport.get_extra_info("socket")
        assert type(sock).__name__ == "TransportSocket"
        assert transport.get_extra_info("peername") == address
        assert transport.get_extra_info("sockname") == sock.getsockname()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert transport.get_extra_info("unknown") is None
        assert transport.get_extra_info("unknown", default=1) == 1
        assert isinstance(transport, asyncio.Transport)
        assert f"fd={sock.fileno()} read=polling" in repr(transport)
        with pytest.raises(RuntimeError, match="is used by transport"):
            loop.add_reader(sock.fileno(), print)
        transport.close()
        assert "closing" in repr(transport)
        await protocol.until_event("lost")
        assert "closed" in repr(transport)
        assert transport.get_extra_info("peername") == address
        server.close()
        await server.wait_closed()

    run(main, loop_name)


def test_transport_takes_attributes_and_weak_references():
    async def main():
        async with connected() as (protocol, _):
            protocol.transport.name = "mine"
            assert protocol.transport.name == "mine"
            assert weakref.ref(protocol.transport)() is protocol.transport

    run(main)


@every_loop
def test_transport_nobody_holds_goes_on(loop_name):
    async def main():
        heard = asyncio.get_running_loop().create_future()

        lost = asyncio.Event()

        class Tells(asyncio.Protocol):
            def data_received(self, data):
                heard.set_result(data)

            def connection_lost(self, exc):
                lost.set()

        ours, peer = socket.socketpair()
        await asyncio.get_running_loop().create_connection(Tells, sock=ours)
        gc.collect()
        peer.send(b"still there")
        assert await heard == b"still there"
        peer.close()
        await lost.wait()

    run(main, loop_name)


@every_loop
def test_transport_left_open_is_reported(loop_name):
    ours, peer = socket.socketpair()

    async def main():
        await asyncio.get_running_loop().create_connection(
            asyncio.Protocol, sock=ours)

    from aio_net import LOOPS
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
            runner.run(main())
        gc.collect()
    assert any("unclosed transport" in str(w.message) for w in caught)
    assert ours.fileno() == -1
    assert peer.recv(1) == b""
    peer.close()


@every_loop
def test_transport_many_connections_come_and_go(loop_name):
    async def main():
        loop = asyncio.get_running_loop()

        class Echo(Recorder):
            def data_received(self, data):
                self.transport.write(data)

        server = await loop.create_server(Echo, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()

        async def talk(i):
            transport, protocol = await loop.create_connection(
                Recorder, *address)
            message = bytes([i]) * 5000
            transport.write(message)
            await protocol.until_data(5000)
            assert protocol.data == message
            transport.abort() if i % 2 else transport.close()
            await protocol.until_event("lost")

        for _ in range(3):
            await asyncio.gather(*map(talk, range(50)))
        server.close()
        await server.wait_closed()

    run(main, loop_name)
