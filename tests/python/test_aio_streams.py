"""asyncio's streams on bide's loop, where the plain cases are in C, and on
asyncio's own."""

import asyncio
import contextlib
import gc
import inspect
import socket
import warnings

import pytest

from aio_net import every_loop, run


@contextlib.asynccontextmanager
async def stream(**options):
    """A reader and a writer of one connection, and its other end."""
    ours, peer = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours, **options)
    try:
        yield reader, writer, peer
    finally:
        peer.close()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def served(handler, client):
    """client(reader, writer) of a connection that handler(...) serves."""
    over = asyncio.get_running_loop().create_future()

    async def handle(reader, writer):
        try:
            over.set_result(await handler(reader, writer))
        except BaseException as exc:
            over.set_exception(exc)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname())
        await client(reader, writer)
        result = await over
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    return result


async def waiting(reader):
    """Until a task waits for the reader's data."""
    while reader._waiter is None:
        await asyncio.sleep(0)


@every_loop
def test_streams_are_asyncios(loop_name):
    async def handler(reader, writer):
        assert isinstance(reader, asyncio.StreamReader)
        assert isinstance(writer, asyncio.StreamWriter)
        assert repr(reader).startswith("<StreamReader ")
        assert repr(writer).startswith("<StreamWriter ")
        assert type(reader).__name__ == "StreamReader"
        data = await reader.read(100)
        writer.write(data.upper())
        await writer.drain()

    async def client(reader, writer):
        writer.write(b"hello")
        await writer.drain()
        assert await reader.readexactly(5) == b"HELLO"
        assert await reader.read() == b""

    run(lambda: served(handler, client), loop_name)


def test_streams_take_the_methods_in_c():
    async def main():
        async with stream() as (reader, writer, _):
            assert type(reader).__module__ == "bide._core"

    run(main)


def test_streams_that_a_program_changed_stay_as_they_are(monkeypatch):
    stock, seen = asyncio.StreamReader.feed_data, []

    def feed_data(self, data):
        seen.append(data)
        stock(self, data)

    async def main():
        monkeypatch.setattr(asyncio.StreamReader, "feed_data", feed_data)
        async with stream() as (reader, _, peer):
            peer.send(b"seen")
            assert await reader.read(9) == b"seen"
            assert type(reader) is asyncio.StreamReader
        assert seen == [b"seen"]

    run(main)


@every_loop
def test_streams_of_a_subclass_keep_their_methods(loop_name):
    class Reader(asyncio.StreamReader):
        def feed_data(self, data):
            super().feed_data(data[::-1])

    async def main():
        loop = asyncio.get_running_loop()
        ours, peer = socket.socketpair()
        reader = Reader(loop=loop)
        transport, _ = await loop.create_connection(
            lambda: asyncio.StreamReaderProtocol(reader), sock=ours)
        peer.send(b"abc")
        assert await reader.readexactly(3) == b"cba"
        transport.close()
        peer.close()
        await asyncio.sleep(0)

    run(main, loop_name)


@every_loop
def test_streams_read(loop_name):
    async def main():
        async with stream() as (reader, _, peer):
            assert await reader.read(0) == b""
            peer.send(b"one two\nthree")
            assert await reader.read(3) == b"one"
            assert await reader.readexactly(0) == b""
            assert await reader.readexactly(n=1) == b" "
            assert await reader.readline() == b"two\n"
            assert await reader.readuntil(b"r") == b"thr"
            assert await reader.read(n=100) == b"ee"
            assert not reader.at_eof()
            peer.send(b"rest")
            peer.shutdown(socket.SHUT_WR)
            assert await reader.read(-1) == b"rest"
            assert await reader.read(5) == b""
            assert reader.at_eof()

    run(main, loop_name)


@every_loop
def test_streams_read_what_comes_in_parts(loop_name):
    async def main():
        async with stream() as (reader, _, peer):
            task = asyncio.create_task(reader.readexactly(6))
            for part in (b"ab", b"cd", b"ef"):
                await waiting(reader)
                peer.send(part)
                while reader._waiter is not None:
                    await asyncio.sleep(0)
            assert await task == b"abcdef"

    run(main, loop_name)


@every_loop
def test_streams_tell_of_bytes_that_are_missing(loop_name):
    async def main():
        async with stream() as (reader, _, peer):
            peer.send(b"half")
            peer.shutdown(socket.SHUT_WR)
            with pytest.raises(asyncio.IncompleteReadError) as failed:
                await reader.readexactly(8)
            assert failed.value.partial == b"half"
            assert failed.value.expected == 8
            assert await reader.read(8) == b""

    run(main, loop_name)


@every_loop
def test_streams_refuse_what_asyncio_refuses(loop_name):
    async def main():
        async with stream() as (reader, writer, _):
            with pytest.raises(ValueError, match="less than zero"):
                await reader.readexactly(-1)
            with pytest.raises(TypeError):
                await reader.read("one")
            with pytest.raises(TypeError):
                await reader.read(1, 2)
            with pytest.raises(TypeError):
                writer.write("text")
            reader.feed_eof()
            with pytest.raises(AssertionError, match="after feed_eof"):
                reader.feed_data(b"late")

    run(main, loop_name)


@every_loop
@pytest.mark.parametrize("verb", ["read", "readexactly", "readuntil"])
def test_streams_have_one_reader_at_a_time(loop_name, verb):
    async def main():
        async with stream() as (reader, _, peer):
            task = asyncio.create_task(reader.read(1))
            await waiting(reader)
            argument = b"x" if verb == "readuntil" else 1
            with pytest.raises(RuntimeError, match=rf"^{verb}\(\) called"):
                await getattr(reader, verb)(argument)
            peer.send(b"x")
            assert await task == b"x"

    run(main, loop_name)


@every_loop
@pytest.mark.parametrize("verb", ["read", "readexactly"])
def test_streams_cancelled_while_reading_lose_nothing(loop_name, verb):
    async def main():
        async with stream() as (reader, _, peer):
            task = asyncio.create_task(getattr(reader, verb)(4))
            await waiting(reader)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert reader._waiter is None
            task = asyncio.create_task(getattr(reader, verb)(4))
            await waiting(reader)
            peer.send(b"data")
            task.cancel()  # before the data is seen, or with it
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert await reader.readexactly(4) == b"data"

    run(main, loop_name)


@every_loop
def test_streams_time_out(loop_name):
    async def main():
        async with stream() as (reader, _, peer):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.001)
            peer.send(b"x")
            assert await asyncio.wait_for(reader.read(1), 5) == b"x"

    run(main, loop_name)


@every_loop
def test_streams_raise_the_connections_exception(loop_name):
    async def main():
        async with stream() as (reader, writer, _):
            task = asyncio.create_task(reader.read(1))
            await waiting(reader)
            reader.set_exception(ConnectionResetError("gone"))
            for call in (task, reader.read(1), reader.readexactly(1),
                         writer.drain()):
                with pytest.raises(ConnectionResetError, match="gone"):
                    await call

    run(main, loop_name)


@every_loop
def test_streams_stop_the_peer_at_their_limit(loop_name):
    async def main():
        async with stream(limit=1024) as (reader, _, peer):
            peer.setblocking(False)
            sent, loop = b"x" * 300_000, asyncio.get_running_loop()
            sending = asyncio.create_task(loop.sock_sendall(peer, sent))
            while not reader._paused:
                await asyncio.sleep(0)
            assert len(reader._buffer) > 2048
            assert await reader.readexactly(len(sent)) == sent
            await sending
            assert not reader._paused

    run(main, loop_name)


@every_loop
def test_streams_drain_waits_for_room(loop_name):
    async def handler(reader, writer):
        big = b"x" * (16 << 20)
        writer.transport.set_write_buffer_limits(high=0)
        writer.write(big)
        draining = asyncio.create_task(writer.drain())
        await asyncio.sleep(0)
        assert not draining.done()
        writer.write(b"end")
        await draining
        return len(big) + 3

    async def client(reader, writer):
        got = 0
        while data := await reader.read(1 << 20):
            got += len(data)
        assert got == (16 << 20) + 3

    run(lambda: served(handler, client), loop_name)


@every_loop
def test_streams_drain_tells_of_a_lost_connection(loop_name):
    async def handler(reader, writer):
        writer.transport.abort()
        with pytest.raises(ConnectionResetError):
            while True:
                writer.write(b"x")
                await writer.drain()

    async def client(reader, writer):
        with contextlib.suppress(ConnectionError):
            await reader.read()

    run(lambda: served(handler, client), loop_name)


@every_loop
def test_streams_calls_are_coroutines(loop_name):
    async def main():
        async with stream() as (reader, writer, peer):
            call = reader.read(1)
            assert asyncio.iscoroutine(call) and inspect.isawaitable(call)
            assert call.__qualname__ == "StreamReader.read"
            call.close()
            with pytest.raises(RuntimeError, match="cannot reuse"):
                await call
            call = reader.read(1)
            with pytest.raises(KeyError):
                call.throw(KeyError("thrown"))
            peer.send(b"x")
            call = reader.read(1)
            assert await call == b"x"
            with pytest.raises(RuntimeError, match="cannot reuse"):
                await call
            call = reader.read(1)
            call.send(None)
            assert reader._waiter is not None
            call.close()
            assert reader._waiter is None

    run(main, loop_name)


@every_loop
def test_streams_calls_that_nobody_awaits_are_told(loop_name):
    async def main():
        async with stream() as (reader, _, _):
            with pytest.warns(RuntimeWarning, match=r"StreamReader\.read' was "
                                                    r"never awaited"):
                reader.read(1)
                gc.collect()
            call = reader.read(1)
            call.send(None)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                del call
                gc.collect()
            assert reader._waiter is None

    run(main, loop_name)
