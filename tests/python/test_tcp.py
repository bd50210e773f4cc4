import errno
import gc
import os
import socket
import struct
import warnings

import pytest

import bide
from descriptors import open_sockets
from sweep import settle


def run(coro, **options):
    return bide.run(coro, **options)


async def pair():
    """A connected pair of streams and their listener, which is closed."""
    async with await bide.listen_tcp("127.0.0.1", 0) as listener:
        accepting = bide.spawn(_accept(listener))
        client = await bide.connect_tcp("127.0.0.1", listener.port)
        return client, await accepting


async def _accept(listener):
    return await listener.accept()


async def _read(stream):
    return await stream.read()


async def read_all(stream):
    return b"".join([chunk async for chunk in stream])


async def echo(stream):
    async for chunk in stream:
        await stream.write(chunk)


def with_pair(test):
    """Runs `test(client, server)` and closes both."""
    async def main():
        client, server = await pair()
        async with client, server:
            with bide.timeout(60):
                await test(client, server)

    run(main())


# -- connecting ---------------------------------------------------------------


def test_tcp_echo():
    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            server = bide.spawn(listener.serve(echo))
            async with await bide.connect_tcp(*listener.address) as stream:
                for n in (1, 100, 65536, 300000):
                    data = os.urandom(n)
                    writing = bide.spawn(_write(stream, data))
                    assert await stream.read_exact(n) == data
                    await writing
            server.cancel()

    run(main())


async def _write(stream, data):
    await stream.write(data)


def test_tcp_connects_by_name():
    async def main():
        async with await bide.listen_tcp("localhost", 0) as listener:
            accepting = bide.spawn(_accept(listener))
            async with await bide.connect_tcp("localhost", listener.port) as a:
                async with await accepting as b:
                    await a.write(b"hello")
                    assert await b.read() == b"hello"

    run(main())


def test_tcp_addresses_are_told():
    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            host, port = listener.address
            assert host == "127.0.0.1" and 0 < port == listener.port
            assert repr(listener) == f"<Listener on 127.0.0.1:{port}>"
            accepting = bide.spawn(_accept(listener))
            async with await bide.connect_tcp(host, port) as a:
                async with await accepting as b:
                    assert a.peer_address == b.address == (host, port)
                    assert a.address == b.peer_address
                    assert os.fstat(a.fileno())
                    assert repr(b).startswith(f"<Stream 127.0.0.1:{port} to ")
        assert repr(a) == "<Stream closed>"
        assert repr(listener) == "<Listener closed>"
        for get in (lambda: a.address, lambda: a.peer_address, a.fileno,
                    lambda: listener.port):
            with pytest.raises(bide.StreamClosedError):
                get()

    run(main())


def test_tcp_listens_everywhere():
    async def main():
        async with await bide.listen_tcp(None, 0) as listener:
            accepting = bide.spawn(_accept(listener))
            async with await bide.connect_tcp("127.0.0.1", listener.port):
                (await accepting).close()

    run(main())


def test_tcp_options_can_be_set():
    def option(stream, level, name):
        with socket.socket(fileno=os.dup(stream.fileno())) as s:
            return s.getsockopt(level, name)

    def nodelay(stream):
        return option(stream, socket.IPPROTO_TCP, socket.TCP_NODELAY)

    def keepalive(stream):
        return (option(stream, socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                option(stream, socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))

    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0, backlog=5) as listener:
            accepting = bide.spawn(_accept(listener))
            stream = await bide.connect_tcp(
                "127.0.0.1", listener.port, nodelay=False, keepalive=30)
            async with stream, await accepting as accepted:
                assert nodelay(stream) == 0 and nodelay(accepted) == 1
                assert keepalive(stream) == (1, 30)
                stream.set_nodelay(True)
                stream.set_keepalive(None)
                accepted.set_keepalive(77)
                assert nodelay(stream) == 1
                assert keepalive(stream)[0] == 0
                assert keepalive(accepted) == (1, 77)
            first = await bide.listen_tcp("127.0.0.1", 0, reuse_port=True)
            async with first:
                async with await bide.listen_tcp(
                        "127.0.0.1", first.port, reuse_port=True):
                    pass

    run(main())


def test_tcp_refused_connection_is_an_error():
    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            port = listener.port
        with pytest.raises(ConnectionRefusedError, match=str(port)):
            await bide.connect_tcp("127.0.0.1", port)

    run(main())


def test_tcp_unknown_name_is_an_error():
    async def main():
        with pytest.raises(socket.gaierror, match="no-such-host.invalid"):
            await bide.connect_tcp("no-such-host.invalid", 80)
        with pytest.raises(socket.gaierror, match="no-such-host.invalid"):
            await bide.listen_tcp("no-such-host.invalid", 80)

    run(main())


def test_tcp_port_in_use_is_an_error():
    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            with pytest.raises(OSError, match=str(listener.port)) as caught:
                await bide.listen_tcp("127.0.0.1", listener.port)
            assert caught.value.errno == errno.EADDRINUSE

    run(main())


def test_tcp_cancelled_connect_leaves_nothing():
    async def main():
        before = open_sockets()
        for host in ("192.0.2.1", "localhost"):
            # Some networks refuse it before the deadline is looked at.
            with pytest.raises((TimeoutError, ConnectionRefusedError)):
                with bide.timeout(0):
                    await bide.connect_tcp(host, 9)
        await settle()
        assert open_sockets() == before

    run(main())


# -- reading ------------------------------------------------------------------


def test_tcp_read_takes_at_most_what_was_asked():
    @with_pair
    async def test(client, server):
        await client.write(b"abcdef")
        await client.shutdown()
        assert await server.read_exact(1) == b"a"
        assert await server.read(2) == b"bc"
        assert await server.read(max=100) == b"def"
        assert await server.read() == b""


def test_tcp_read_exact_across_segments():
    @with_pair
    async def test(client, server):
        async def trickle():
            for i in range(10):
                await client.write(bytes([i]) * 3)
                await settle()

        t = bide.spawn(trickle())
        assert await server.read_exact(15) == bytes(
            i for i in range(5) for _ in "123")
        assert len(await server.read_exact(15)) == 15
        assert await server.read_exact(0) == b""
        await t


def test_tcp_read_until_across_segments():
    @with_pair
    async def test(client, server):
        async def trickle():
            for part in (b"one\r", b"\ntwo", b"\r\n", b"three\r\nrest"):
                await client.write(part)
                await settle()

        t = bide.spawn(trickle())
        for line in (b"one\r\n", b"two\r\n", b"three\r\n"):
            assert await server.read_until(b"\r\n") == line
        await t
        assert await server.read_until(bytearray(b"st")) == b"rest"


def test_tcp_read_granted_before_a_close():
    async def test(a, b):
        reading = bide.spawn(_read(b))
        await settle()
        await a.write(b"abc")
        while not b.buffered:
            await bide.yield_now()
        assert not reading.done()
        b.close()
        assert await reading == b"abc"

    with_pair(test)


def test_tcp_read_until_over_its_limit_is_an_error():
    @with_pair
    async def test(client, server):
        await client.write(b"x" * 50 + b"\n")
        with pytest.raises(bide.LimitOverrunError) as caught:
            await server.read_until(b"\n", limit=20)
        assert caught.value.consumed >= 20
        assert await server.read_until(b"\n", 51) == b"x" * 50 + b"\n"


def test_tcp_end_of_stream_is_told():
    @with_pair
    async def test(client, server):
        await client.write(b"last")
        client.close()
        assert await server.read() == b"last"
        assert await server.read() == b""
        assert await server.read(10) == b""
        assert await server.read_line() == b""
        assert [chunk async for chunk in server] == []
        assert await server.read_into(bytearray(5)) == 0


def test_tcp_end_inside_read_exact_is_an_error():
    @with_pair
    async def test(client, server):
        await client.write(b"abc")
        client.close()
        with pytest.raises(bide.IncompleteReadError) as caught:
            await server.read_exact(4)
        assert caught.value.partial == b"abc"
        assert caught.value.expected == 4
        with pytest.raises(EOFError) as caught:
            await server.read_until(b"\n")
        assert caught.value.partial == b"abc"
        assert await server.read_exact(3) == b"abc"


def test_tcp_reads_lines():
    @with_pair
    async def test(client, server):
        await client.write(b"one\ntwo\nthree")
        await client.shutdown()
        assert await server.read_line() == b"one\n"
        with pytest.raises(bide.LimitOverrunError):
            await server.read_line(limit=3)
        assert [await server.read_line() for _ in range(3)] == [
            b"two\n", b"three", b""]


def test_tcp_reads_into_a_buffer():
    @with_pair
    async def test(client, server):
        await client.write(b"abcdef")
        await client.shutdown()
        buffer = bytearray(b"......")
        assert await server.read_exact(1) == b"a"
        assert await server.read_into(memoryview(buffer)[1:3]) == 2
        assert buffer == b".bc..."
        assert await server.read_into(buffer) == 3
        assert buffer == b"defc..".replace(b"c", buffer[3:4])
        assert await server.read_into(buffer) == 0
        buffer.append(0)


def test_tcp_reset_by_the_peer_is_an_error():
    @with_pair
    async def test(client, server):
        with socket.socket(fileno=os.dup(client.fileno())) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         struct.pack("ii", 1, 0))
        await server.write(b"unread")
        client.close()
        with pytest.raises(ConnectionResetError):
            while await server.read():
                pass


def test_tcp_second_reader_is_an_error():
    @with_pair
    async def test(client, server):
        first = bide.spawn(_read(server))
        await settle()
        with pytest.raises(bide.BusyError, match="another task"):
            await server.read()
        await client.write(b"for the first")
        assert await first == b"for the first"


# -- writing ------------------------------------------------------------------


def test_tcp_second_writer_queues():
    @with_pair
    async def test(client, server):
        size = 1 << 20
        parts = [bytes([i]) * size for i in range(3)]
        writers = [bide.spawn(_write(client, part)) for part in parts]
        await settle()
        for part in parts:
            assert await server.read_exact(size) == part
        for writer in writers:
            await writer


def test_tcp_write_waits_for_a_slow_reader():
    @with_pair
    async def test(client, server):
        data = os.urandom(1 << 24)
        writer = bide.spawn(_write(client, data))
        await settle()
        assert not writer.done()
        assert await server.read_exact(len(data)) == data
        await writer


def test_tcp_writes_any_buffer():
    @with_pair
    async def test(client, server):
        data = bytearray(b"abc")
        await client.write(data)
        data.append(0)
        await client.write(memoryview(b"defg")[1:3])
        await client.write(b"")
        assert await server.read_exact(5) == b"abcef"
        with pytest.raises(TypeError, match="encode"):
            client.write("text")
        with pytest.raises(TypeError, match="buffer"):
            client.write(3)


def test_tcp_shutdown_ends_the_sending_half():
    @with_pair
    async def test(client, server):
        await client.write(b"question")
        await client.shutdown()
        assert await read_all(server) == b"question"
        await server.write(b"answer")
        assert await client.read() == b"answer"
        with pytest.raises(OSError):
            await client.write(b"more")


# -- closing and cancelling ---------------------------------------------------


def test_tcp_close_wakes_the_waits():
    @with_pair
    async def test(client, server):
        reader = bide.spawn(_read(client))
        writer = bide.spawn(_write(client, b"x" * (1 << 24)))
        await settle()
        client.close()
        client.close()
        for t in (reader, writer):
            with pytest.raises(bide.StreamClosedError):
                await t
        with pytest.raises(ConnectionError, match="closed"):
            await client.read()
        with pytest.raises(bide.ClosedError):
            await client.write(b"x")
        await client.aclose()
        assert client.closed


def test_tcp_cancelled_read_loses_nothing():
    @with_pair
    async def test(client, server):
        with bide.move_on_after(0.001):
            await server.read_exact(6)
        await client.write(b"abc")
        with bide.move_on_after(0.01):
            await server.read_exact(6)
        await client.write(b"def")
        assert await server.read_exact(6) == b"abcdef"


def test_tcp_cancelled_write_keeps_the_stream_in_step():
    @with_pair
    async def test(client, server):
        size = 1 << 22
        writer = bide.spawn(_write(client, b"a" * size))
        await settle()
        writer.cancel()
        with pytest.raises(bide.Cancelled):
            await writer
        tail = bide.spawn(_write(client, b"b"))
        assert await server.read_exact(size) == b"a" * size
        assert await server.read_exact(1) == b"b"
        await tail


def test_tcp_cancelled_accept_loses_no_connection():
    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            for cancel_early in (True, False):
                accepting = bide.spawn(_accept(listener))
                await settle()
                if cancel_early:
                    accepting.cancel()
                client = await bide.connect_tcp("127.0.0.1", listener.port)
                accepting.cancel()
                with bide.timeout(60):
                    try:
                        server = await accepting
                    except bide.Cancelled:
                        server = await listener.accept()
                async with client, server:
                    await client.write(b"here")
                    assert await server.read() == b"here"

    run(main())


def test_tcp_listener_close_wakes_the_accepts():
    async def main():
        listener = await bide.listen_tcp("127.0.0.1", 0)
        accepting = [bide.spawn(_accept(listener)) for _ in range(2)]

        async def iterate():
            return [stream async for stream in listener]

        iterating = bide.spawn(iterate())
        await settle()
        listener.close()
        for t in accepting:
            with pytest.raises(bide.StreamClosedError):
                await t
        assert await iterating == []
        assert listener.closed

    run(main())


# -- objects ------------------------------------------------------------------


def test_tcp_streams_of_another_run_are_refused():
    async def first():
        return await bide.listen_tcp("127.0.0.1", 0), *await pair()

    async def second(listener, client, server):
        with pytest.raises((bide.WrongRuntimeError, bide.StreamClosedError)):
            await client.read()
        with pytest.raises((bide.WrongRuntimeError, bide.StreamClosedError)):
            await listener.accept()
        client.close()
        listener.close()

    objects = run(first())
    assert all(o.closed for o in objects)
    run(second(*objects))


def test_tcp_stream_left_open_is_warned_about():
    async def main():
        client, server = await pair()
        server.close()
        with pytest.warns(ResourceWarning, match="unclosed <Stream"):
            del client
            gc.collect()

    run(main())


def test_tcp_dropped_stream_is_closed_though_the_warning_keeps_it():
    async def main():
        client, server = await pair()
        with warnings.catch_warnings(record=True) as recorded:
            warnings.simplefilter("always")
            del client
            gc.collect()
        assert recorded[0].source.closed
        assert await server.read() == b""
        server.close()

    run(main())


def test_tcp_dropped_listener_is_closed():
    async def main():
        listener = await bide.listen_tcp("127.0.0.1", 0)
        port = listener.port
        del listener
        gc.collect()
        with pytest.raises(ConnectionRefusedError):
            await bide.connect_tcp("127.0.0.1", port)

    run(main())


def test_tcp_arguments_are_checked():
    for call, error, text in [
        (lambda: bide.connect_tcp(), TypeError, "host"),
        (lambda: bide.connect_tcp("localhost"), TypeError, "port"),
        (lambda: bide.connect_tcp(1, 2), TypeError, "host must be a str"),
        (lambda: bide.connect_tcp("", 2), ValueError, "host"),
        (lambda: bide.connect_tcp("a\0b", 2), ValueError, "host"),
        (lambda: bide.connect_tcp("a", 0), ValueError, "port must be at least"),
        (lambda: bide.connect_tcp("a", 65536), ValueError, "at most 65535"),
        (lambda: bide.connect_tcp("a", "80"), TypeError, "port must be an int"),
        (lambda: bide.connect_tcp("a", 80, keepalive=0), ValueError,
         "keepalive must be at least 1"),
        (lambda: bide.listen_tcp("a", -1), ValueError, "port"),
        (lambda: bide.listen_tcp("a", 0, backlog=0), ValueError, "backlog"),
    ]:
        with pytest.raises(error, match=text):
            call()

    @with_pair
    async def test(client, server):
        for call, error, text in [
            (lambda: client.read(0), ValueError, "max must be at least 1"),
            (lambda: client.read(-1), ValueError, "max"),
            (lambda: client.read_exact(-1), ValueError, "n must be at least 0"),
            (lambda: client.read_until(""), TypeError, "separator"),
            (lambda: client.read_until(b""), ValueError, "1 to 64"),
            (lambda: client.read_until(b"x" * 65), ValueError, "1 to 64"),
            (lambda: client.read_until(b"x", 0), ValueError, "limit"),
            (lambda: client.read_into(3), TypeError, "buffer"),
        ]:
            with pytest.raises(error, match=text):
                call()
        with pytest.raises((TypeError, BufferError)):
            await client.read_into(b"read only")
        with pytest.raises(ValueError, match="room"):
            await client.read_into(bytearray())
