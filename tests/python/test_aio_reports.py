"""What asyncio's programs are told when something fails: exceptions and their
texts, what the exception handler sees, what is logged. The same on every loop."""

import array
import asyncio
import gc
import logging
import socket
import sys

import pytest

from aio_net import (LOOPS, Buffered, Recorder, complaints, connected,
                     every_loop, run, until)


def fails(*_):
    raise LookupError("on purpose")


class Fails(Recorder):
    data_received = fails


class FailsAtTheEnd(Recorder):
    eof_received = fails


class FailsAtTheVeryEnd(Recorder):
    def connection_lost(self, exc):
        super().connection_lost(exc)
        fails()


class FailsToPause(Recorder):
    def pause_writing(self):
        super().pause_writing()
        fails()


class HasNoBuffer(Buffered):
    get_buffer = fails


class Watcher:
    """An exception handler that notes what sys.exc_info() tells in it."""

    def __init__(self):
        self.seen = []

    def __call__(self, loop, context):
        self.seen.append((context["exception"], sys.exception()))

    def check(self):
        for told, handled in self.seen:
            assert isinstance(told, LookupError)
            assert handled is told
        return len(self.seen)


# -- the exception is being handled ------------------------------------------


@every_loop
@pytest.mark.parametrize("factory", [Fails, FailsAtTheEnd, FailsAtTheVeryEnd,
                                     FailsToPause, HasNoBuffer])
def test_reports_are_made_while_the_exception_is_handled(loop_name, factory):
    """As in an `except` block: logging.exception() finds it."""
    async def main():
        watcher = Watcher()
        asyncio.get_running_loop().set_exception_handler(watcher)
        async with connected(factory) as (protocol, theirs):
            if factory is FailsToPause:
                protocol.transport.write(bytes(4 << 20))
            elif factory in (Fails, HasNoBuffer):
                theirs.send(b"x")
            else:
                theirs.shutdown(socket.SHUT_WR)
            await until(lambda: watcher.seen)
        assert watcher.check() == 1
        assert sys.exception() is None

    run(main, loop_name, debug=False)


@every_loop
@pytest.mark.parametrize("debug", [False, True])
def test_reports_of_callbacks_are_made_while_the_exception_is_handled(
        loop_name, debug):
    async def main():
        loop, watcher = asyncio.get_running_loop(), Watcher()
        loop.set_debug(debug)
        loop.set_exception_handler(watcher)
        loop.call_soon(fails)
        loop.call_later(0, fails)
        future = loop.create_future()
        future.add_done_callback(fails)
        future.set_result(None)
        await until(lambda: len(watcher.seen) == 3)
        watcher.check()

    run(main, loop_name)


@every_loop
def test_datagram_errors_are_told_while_they_are_handled(loop_name):
    class Asks(asyncio.DatagramProtocol):
        def error_received(self, exc):
            seen.append((exc, sys.exception()))

    seen = []

    async def main():
        transport, _ = await asyncio.get_running_loop() \
            .create_datagram_endpoint(Asks, local_addr=("127.0.0.1", 0))
        transport.sendto(bytes(70_000), ("127.0.0.1", 9))
        transport.close()
        (exc, handled), = seen
        assert handled is exc

    run(main, loop_name)


# -- debug mode's log ---------------------------------------------------------


def records(caplog, text):
    return [r for r in caplog.records if text in r.getMessage()]


@every_loop
def test_debug_mode_logs_errors_of_the_system(loop_name, caplog):
    caplog.set_level(logging.DEBUG, "asyncio")

    class Resets(Recorder):
        def data_received(self, data):
            raise ConnectionResetError("on purpose")

    async def main():
        async with connected(Resets) as (protocol, theirs):
            theirs.send(b"x")
            await protocol.until_event("lost")
            assert str(protocol.lost) == "on purpose"

    run(main, loop_name, debug=True)
    record, = records(caplog, "protocol.data_received() call failed.")
    assert record.levelno == logging.DEBUG
    assert record.exc_info[0] is ConnectionResetError


@every_loop
def test_debug_mode_logs_connections(loop_name, caplog):
    caplog.set_level(logging.DEBUG, "asyncio")

    def accept():
        accepted.append(Recorder())
        return accepted[-1]

    accepted = []

    async def main():
        server = await asyncio.get_running_loop().create_server(
            accept, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()):
            await until(lambda: accepted)
        await accepted[0].until_event("lost")
        server.close()

    run(main, loop_name, debug=True)
    assert len(records(caplog, "got a new connection from")) == 1


# -- errors and looks ---------------------------------------------------------


@every_loop
def test_transport_names_the_type_it_refuses(loop_name):
    async def main():
        async with connected() as (protocol, _):
            with pytest.raises(TypeError, match="not 'array'"):
                protocol.transport.write(array.array("b", b"x"))

    run(main, loop_name)


@every_loop
def test_transport_limits_may_be_any_numbers(loop_name):
    async def main():
        async with connected() as (protocol, _):
            transport = protocol.transport
            transport.set_write_buffer_limits(high=1e6, low=10.5)
            assert [int(n) for n in transport.get_write_buffer_limits()] == [
                10, 1_000_000]
            transport.set_write_buffer_limits(high=2**20 / 4)
            assert transport.get_write_buffer_limits() == (2**16, 2**18)
            transport.set_write_buffer_limits(low=2.0)
            assert transport.get_write_buffer_limits() == (2, 8)
            for wrong, text in (
                    ({"high": -1}, r"high \(-1\) must be >= low \(-1\)"),
                    ({"low": -1}, r"high \(-4\) must be >= low \(-1\)"),
                    ({"high": float("nan")}, r"high \(nan\) must be"),
                    ({"high": float("inf")}, r"must be >= low \(nan\)")):
                with pytest.raises(ValueError, match=text):
                    transport.set_write_buffer_limits(**wrong)
            with pytest.raises(TypeError):
                transport.set_write_buffer_limits(high="1")
            assert transport.get_write_buffer_limits() == (2, 8)

    run(main, loop_name)


@every_loop
def test_transport_looks_as_if_all_was_sent_at_once(loop_name):
    async def main():
        async with connected() as (protocol, _):
            protocol.transport.write(b"x")
            assert "bufsize=0" in repr(protocol.transport)

    run(main, loop_name, debug=False)


@every_loop
def test_datagram_transport_tells_what_it_waits_for(loop_name):
    async def main():
        transport, _ = await asyncio.get_running_loop() \
            .create_datagram_endpoint(asyncio.DatagramProtocol,
                                      local_addr=("127.0.0.1", 0))
        assert "read=polling write=<idle, bufsize=0>>" in repr(transport)
        with complaints() as found:
            transport.sendto(memoryview(b"abcd")[::2], ("127.0.0.1", 9))
        assert isinstance(found[0]["exception"], BufferError)
        transport.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert "closed" in repr(transport)

    run(main, loop_name)


# -- what is left open --------------------------------------------------------


@every_loop
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_transport_that_was_collected_can_be_closed(loop_name):
    """Of a cycle that nobody holds the transport may go first, and what ends
    behind it, as asyncio's StreamWriter, closes it."""
    class Closes:
        def __init__(self, transport):
            self.transport, self.cycle = transport, self

        def __del__(self):
            transport = self.transport
            transport.is_closing()
            transport.abort()
            transport.close()
            transport.write(b"x")
            transport.pause_reading()
            transport.resume_reading()
            assert repr(transport)
            gone.append(transport.get_extra_info("peername"))

    gone = []

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        for _ in range(3):
            ours, theirs = socket.socketpair()
            transport, protocol = await loop.create_connection(
                Recorder, sock=ours)
            transport.pause_reading()
            protocol.before = Closes(transport)
            del transport, protocol, ours
            gc.collect()
            theirs.close()
        assert len(gone) == 3

    run(main, loop_name)


@every_loop
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("action", [
    lambda t: t.close(), lambda t: t.abort(), lambda t: t.resume_reading(),
    lambda t: t.write(bytes(4 << 20))], ids=["close", "abort", "resume", "write"])
def test_transport_of_a_closed_loop_refuses(loop_name, action):
    async def connect():
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        if action.__code__.co_names == ("resume_reading",):
            transport.pause_reading()
        return transport

    ours, theirs = socket.socketpair()
    loop = LOOPS[loop_name]()
    transport = loop.run_until_complete(connect())
    loop.close()
    assert repr(transport).endswith(f" fd={ours.fileno()}>")
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        action(transport)
    transport = None
    ours.close()
    theirs.close()
    gc.collect()


@every_loop
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", ["close", "abort"])
def test_debug_mode_tells_of_other_threads(loop_name, name):
    async def main():
        async with connected() as (protocol, _):
            method = getattr(protocol.transport, name)
            with pytest.raises(RuntimeError, match="Non-thread-safe operation"):
                await asyncio.to_thread(method)
            protocol.transport._sock.close()

    run(main, loop_name, debug=True)


# -- sockets and descriptors --------------------------------------------------


@every_loop
def test_sock_nothing_is_received_at_once(loop_name):
    """As socket.recv(0), which asks the system nothing."""
    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
            assert await loop.sock_recv(sock, 0) == b""
            assert await loop.sock_recv_into(sock, bytearray()) == 0
            sock.connect(sock.getsockname())
            await loop.sock_sendall(sock, b"")  # a datagram
            assert await loop.sock_recv(sock, 5) == b""

    run(main, loop_name, debug=False)


@every_loop
def test_sock_arguments_are_judged_at_the_await(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            for call, error in (
                    (lambda: loop.sock_recv(ours, "x"), TypeError),
                    (lambda: loop.sock_recv(ours, -1), ValueError),
                    (lambda: loop.sock_recv_into(ours, b"const"), TypeError),
                    (lambda: loop.sock_sendall(ours, "x"), TypeError),
                    (lambda: loop.sock_accept(ours), OSError)):
                awaitable = call()
                with pytest.raises(error):
                    await awaitable
        awaitable = loop.sock_recv(ours, 1)  # closed
        with pytest.raises(OSError, match="Bad file descriptor"):
            await awaitable

    run(main, loop_name, debug=False)


@every_loop
def test_sock_takes_no_keywords_it_does_not_know(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(TypeError, match="unexpected keyword"):
            loop.sock_recv(None, 1, **{f"k{i}": i for i in range(40)})

    run(main, loop_name, debug=False)


@every_loop
def test_sock_of_a_transport_is_named_by_its_number(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        async with connected() as (protocol, _):
            sock = protocol.transport._sock
            with pytest.raises(RuntimeError, match=(
                    f"File descriptor {sock.fileno()} is used by transport")):
                await loop.sock_recv(sock, 1)

    run(main, loop_name, debug=False)


@every_loop
def test_readers_of_no_descriptor_are_errors(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        with socket.socket() as closed:
            pass
        for file, text in ((-1, "Invalid file descriptor: -1"),
                           (-7, "Invalid file descriptor: -7"),
                           (closed, "Invalid file descriptor: -1"),
                           ("x", "Invalid file object: 'x'")):
            for call in (lambda f: loop.add_reader(f, print), loop.remove_writer):
                with pytest.raises(ValueError, match=text):
                    call(file)

    run(main, loop_name)


# -- names --------------------------------------------------------------------


@every_loop
def test_names_refuse_what_socket_refuses(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(TypeError, match="interpreted as an integer"):
            await loop.getnameinfo(("127.0.0.1", 80), None)
        with pytest.raises(socket.gaierror) as info:
            await loop.getaddrinfo("127.0.0.1", "\u00b2")
        assert info.value.errno == socket.EAI_SERVICE

    run(main, loop_name)


# -- a socket that the program closes itself ----------------------------------


@every_loop
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_transport_survives_its_socket_closed_behind_it(loop_name):
    """A program that closes what it gave away is wrong; it is not ended."""
    async def main():
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        transport, protocol = await asyncio.get_running_loop() \
            .create_connection(Recorder, sock=ours)
        transport.write(bytes(4 << 20))
        transport.close()
        ours.close()
        await asyncio.sleep(0.01)
        assert protocol.lost is None
        transport.abort()
        await protocol.until_event("lost")
        theirs.close()

    run(main, loop_name)


@every_loop
def test_transport_takes_a_number_that_is_free_again(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        before, _ = await loop.create_connection(Recorder, sock=ours)
        number = ours.fileno()
        before.close()
        ours.close()
        ends = socket.socketpair()
        sock, peer = ends if ends[0].fileno() == number else ends[::-1]
        assert sock.fileno() == number
        transport, protocol = await loop.create_connection(Recorder, sock=sock)
        peer.send(b"hello")
        await protocol.until_data(5)
        transport.close()
        await protocol.until_event("lost")
        peer.close()
        theirs.close()

    run(main, loop_name)


@every_loop
def test_transport_takes_the_place_of_a_reader(loop_name):
    async def main():
        loop, read = asyncio.get_running_loop(), []
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        loop.add_reader(ours, lambda: read.append(ours.recv(1)))
        transport, protocol = await loop.create_connection(Recorder, sock=ours)
        theirs.send(b"hello")
        await protocol.until_data(5)
        assert protocol.data == b"hello"
        assert read == []
        transport.close()
        await protocol.until_event("lost")
        theirs.close()

    run(main, loop_name)
