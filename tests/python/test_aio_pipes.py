"""Pipes, sock_connect() and sock_sendfile() on the loop for asyncio: asyncio's own
code on the loop's readers and writers. What holds on asyncio's loop holds here."""

import asyncio
import contextlib
import io
import os
import socket
import tempfile

import pytest
from aio_net import (
    Recorder, complaints, drain, every_loop, is_full, run, until)
from descriptors import open_descriptors

MUCH = 4 << 20  # more than a pipe or a pair of sockets holds


def opened_pipe():
    r, w = os.pipe()
    return open(r, "rb", 0), open(w, "wb", 0)


def is_watched(sock):
    """Whether the loop would still call somebody for it; no longer now."""
    loop = asyncio.get_running_loop()
    fd = sock.fileno()
    return bool(loop.remove_writer(fd) | loop.remove_reader(fd))


# -- reading from a pipe --------------------------------------------------------


@every_loop
def test_read_pipe_tells_data_and_its_end(loop_name):
    async def main():
        r, w = opened_pipe()
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_read_pipe(Recorder, r)
        w.write(b"one")
        await protocol.until_data(3)
        transport.pause_reading()
        w.write(b"two")
        for _ in range(5):
            await asyncio.sleep(0)
        assert protocol.data == b"one"
        transport.resume_reading()
        await protocol.until_data(6)
        w.close()
        await protocol.until_event("lost")
        assert protocol.data == b"onetwo" and protocol.lost is None
        assert protocol.events[0] == "made"
        assert protocol.events[-2:] == ["eof", "lost"]
        assert transport.is_closing() and r.closed

    run(main, loop_name)


@every_loop
def test_read_pipe_closed_reads_no_more(loop_name):
    async def main():
        r, w = opened_pipe()
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_read_pipe(Recorder, r)
        w.write(b"never seen")
        transport.close()
        await protocol.until_event("lost")
        assert protocol.data == b"" and protocol.lost is None
        with pytest.raises(BrokenPipeError):
            w.write(b"x")
        w.close()

    run(main, loop_name)


@every_loop
@pytest.mark.parametrize("connect", ["connect_read_pipe", "connect_write_pipe"])
@pytest.mark.parametrize("steps", range(4))
def test_pipe_connecting_cancelled_leaves_nothing(loop_name, connect, steps):
    async def main():
        loop = asyncio.get_running_loop()
        with tcp_socket() as sock:  # opens what the first one watched does
            loop.add_reader(sock, print)
            loop.remove_reader(sock)
        before = open_descriptors()
        r, w = opened_pipe()
        mine, other = (r, w) if connect == "connect_read_pipe" else (w, r)
        task = loop.create_task(getattr(loop, connect)(Recorder, mine))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            transport, protocol = await task
            transport.close()
            await protocol.until_event("lost")
        for _ in range(3):
            await asyncio.sleep(0)
        if not mine.closed:  # cancelled before it had begun
            assert not is_watched(mine)
            mine.close()
        other.close()
        assert open_descriptors() == before

    run(main, loop_name)


# -- writing to a pipe ----------------------------------------------------------


@every_loop
def test_write_pipe_controls_the_flow(loop_name):
    async def main():
        r, w = opened_pipe()
        loop = asyncio.get_running_loop()
        writing, protocol = await loop.connect_write_pipe(Recorder, w)
        writing.write(b"x" * MUCH)
        assert "pause" in protocol.events
        assert 0 < writing.get_write_buffer_size() < MUCH
        _, received = await loop.connect_read_pipe(Recorder, r)
        await received.until_data(MUCH)
        await protocol.until_event("resume")
        writing.write(b"y")
        assert writing.can_write_eof()
        writing.write_eof()
        await received.until_event("lost")
        await protocol.until_event("lost")
        assert received.data == b"x" * MUCH + b"y"
        assert protocol.lost is None

    run(main, loop_name)


@every_loop
def test_write_pipe_close_sends_what_is_queued(loop_name):
    async def main():
        r, w = opened_pipe()
        loop = asyncio.get_running_loop()
        writing, protocol = await loop.connect_write_pipe(Recorder, w)
        writing.write(b"x" * MUCH)
        writing.close()
        writing.write(b"too late")
        _, received = await loop.connect_read_pipe(Recorder, r)
        await received.until_event("lost")
        await protocol.until_event("lost")
        assert received.data == b"x" * MUCH

    run(main, loop_name)


@every_loop
def test_write_pipe_abort_drops_what_is_queued(loop_name):
    async def main():
        r, w = opened_pipe()
        loop = asyncio.get_running_loop()
        writing, protocol = await loop.connect_write_pipe(Recorder, w)
        writing.write(b"x" * MUCH)
        writing.abort()
        await protocol.until_event("lost")
        assert protocol.lost is None and w.closed
        assert 0 < len(r.read()) < MUCH
        r.close()

    run(main, loop_name)


@every_loop
@pytest.mark.parametrize("queued", [False, True])
def test_write_pipe_tells_that_nobody_reads(loop_name, queued):
    async def main():
        r, w = opened_pipe()
        loop = asyncio.get_running_loop()
        with complaints() as found:
            writing, protocol = await loop.connect_write_pipe(Recorder, w)
            if queued:
                writing.write(b"x" * MUCH)
            r.close()
            await protocol.until_event("lost")
            writing.write(b"nobody hears it")
        assert isinstance(protocol.lost, BrokenPipeError) == queued
        assert w.closed and found == []

    run(main, loop_name)


# -- sock_connect ---------------------------------------------------------------


def tcp_socket():
    sock = socket.socket()
    sock.setblocking(False)
    return sock


@contextlib.contextmanager
def listening(backlog=8):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(backlog)
        yield sock


@every_loop
def test_sock_connect_waits_for_the_connection(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        with listening() as server, tcp_socket() as sock:
            address = server.getsockname()
            assert await loop.sock_connect(sock, address) is None
            assert sock.getpeername() == address
            assert not is_watched(sock)

    run(main, loop_name)


@every_loop
def test_sock_connect_refused_is_an_error(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        with listening() as server:
            address = server.getsockname()
        with tcp_socket() as sock:
            with pytest.raises(ConnectionRefusedError):
                await loop.sock_connect(sock, address)
            assert not is_watched(sock)

    run(main, loop_name)


@every_loop
def test_sock_connect_cancelled_watches_nothing(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        with listening(0) as server, contextlib.ExitStack() as stack:
            address = server.getsockname()
            waiting = []
            # The system's queue takes a few; those after it wait.
            for _ in range(8):
                sock = stack.enter_context(tcp_socket())
                task = loop.create_task(loop.sock_connect(sock, address))
                waiting.append((sock, task))
            for _ in range(20):
                await asyncio.sleep(0)
            left = [pair for pair in waiting if not pair[1].done()]
            assert left
            for sock, task in left:
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert not is_watched(sock)

    run(main, loop_name)


# -- sock_sendfile --------------------------------------------------------------


@contextlib.asynccontextmanager
async def pair_and_file(size=MUCH):
    """A socket, its peer, and a file of that size."""
    ours, theirs = socket.socketpair()
    with ours, theirs, tempfile.TemporaryFile() as file:
        for sock in (ours, theirs):
            sock.setblocking(False)
        file.write(bytes(range(256)) * (size // 256))
        file.seek(0)
        yield ours, theirs, file


@every_loop
@pytest.mark.parametrize("fallback", [False, True])
def test_sock_sendfile_sends_a_part(loop_name, fallback):
    async def main():
        loop = asyncio.get_running_loop()
        async with pair_and_file() as (ours, theirs, file):
            content = file.read()
            source = io.BytesIO(content) if fallback else file
            sending = loop.create_task(
                loop.sock_sendfile(ours, source, 100, MUCH // 2))
            assert await drain(theirs, MUCH // 2) \
                == content[100:100 + MUCH // 2]
            assert await sending == MUCH // 2
            assert source.tell() == 100 + MUCH // 2
            assert not is_watched(ours)

    run(main, loop_name)


@every_loop
def test_sock_sendfile_of_no_file_falls_back_only_when_told(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        async with pair_and_file() as (ours, _, _):
            with pytest.raises(asyncio.SendfileNotAvailableError):
                await loop.sock_sendfile(ours, io.BytesIO(b"x"),
                                         fallback=False)
            assert not is_watched(ours)

    run(main, loop_name)


@every_loop
def test_sock_sendfile_cancelled_leaves_the_socket_usable(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        async with pair_and_file() as (ours, theirs, file):
            content = file.read()
            file.seek(0)
            sending = loop.create_task(loop.sock_sendfile(ours, file))
            await until(lambda: is_full(ours))
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert not is_watched(ours)
            got = theirs.recv(MUCH)
            with contextlib.suppress(BlockingIOError):
                while True:
                    got += theirs.recv(MUCH)
            assert 0 < len(got) < MUCH and content.startswith(got)
            await loop.sock_sendall(ours, b"on it goes")
            assert await drain(theirs, 10) == b"on it goes"

    run(main, loop_name)


@every_loop
def test_sock_sendfile_tells_that_nobody_reads(loop_name):
    async def main():
        loop = asyncio.get_running_loop()
        async with pair_and_file() as (ours, theirs, file):
            sending = loop.create_task(loop.sock_sendfile(ours, file))
            await until(lambda: is_full(ours))
            theirs.close()
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                await sending
            assert not is_watched(ours)

    run(main, loop_name)
