"""Peers that reset in every phase, shortages, addresses that cannot be reached,
handles used after their close; and that none of it leaves anything behind."""

import contextlib
import errno
import os
import resource
import socket
import struct
import sys

import pytest

import bide
from descriptors import open_descriptors
from sweep import settle
from test_tcp import with_pair

BIG = b"x" * (16 << 20)


def run(coro):
    return bide.run(coro)


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()


def dial(listener):
    return socket.create_connection(listener.address)


@contextlib.asynccontextmanager
async def pair():
    """A stream and its peer, a plain socket."""
    async with await bide.listen_tcp("127.0.0.1", 0) as listener:
        peer = dial(listener)
        async with await listener.accept() as stream:
            yield stream, peer
        peer.close()


async def echo(stream):
    async for chunk in stream:
        await stream.write(chunk)


# -- resets -------------------------------------------------------------------


def test_tcp_reset_in_every_phase_is_told():
    gone = ConnectionResetError, BrokenPipeError

    async def accept():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            reset(dial(listener))
            async with await listener.accept() as stream:
                with pytest.raises(ConnectionResetError):
                    await stream.read()
            with dial(listener):
                (await listener.accept()).close()

    async def connect():
        with socket.create_server(("127.0.0.1", 0)) as server:
            async def attempt():
                address = server.getsockname()
                async with await bide.connect_tcp(*address) as stream:
                    await stream.read()

            attempting = bide.spawn(attempt())
            await settle()
            reset(server.accept()[0])
            with pytest.raises(ConnectionResetError):
                await attempting

    async def main():
        async with pair() as (stream, peer):
            reading = bide.spawn(stream.read())
            writing = bide.spawn(stream.write(BIG))
            ending = bide.spawn(stream.shutdown())
            await settle()
            reset(peer)
            with pytest.raises(ConnectionResetError):
                await reading
            with pytest.raises(gone):
                await writing
            with pytest.raises(gone):
                await ending
        await accept()
        await connect()

    run(main())


def test_tcp_reset_behind_data_is_no_end():
    async def test(client, server):
        await client.write(b"half")
        client.abort()
        assert await server.read() == b"half"
        with pytest.raises(ConnectionResetError):
            await server.read()

    with_pair(test)


def test_tcp_reset_told_to_a_write_is_no_end_to_reads():
    async def main():
        async with pair() as (stream, peer):
            reset(peer)
            with pytest.raises(ConnectionResetError):
                await stream.write(b"x")
            with pytest.raises(ConnectionResetError):
                await stream.read()

    run(main())


def test_tcp_write_after_a_reset_is_a_broken_pipe():
    async def main():
        async with pair() as (stream, peer):
            reset(peer)
            with pytest.raises(ConnectionResetError):
                await stream.read()
            for _ in range(2):
                with pytest.raises(BrokenPipeError):
                    await stream.write(b"x")

    run(main())


# -- nowhere, and closed ------------------------------------------------------


def test_tcp_unreachable_address_is_an_error():
    async def main():
        with pytest.raises(OSError) as caught:
            await bide.connect_tcp("255.255.255.255", 9)
        assert caught.value.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH,
                                      errno.EACCES, errno.EADDRNOTAVAIL)

    run(main())


def test_tcp_closed_handles_used_again_are_errors():
    async def main():
        async with pair() as (stream, _):
            stream.close()
            stream.close()
            for use in (
                stream.read,
                lambda: stream.read_exact(1),
                lambda: stream.read_until(b"\n"),
                lambda: stream.write(b"x"),
                lambda: stream.write_many([b"x"]),
                stream.shutdown,
                stream.drain,
            ):
                with pytest.raises(bide.StreamClosedError):
                    await use()
            for use in (
                stream.fileno,
                lambda: stream.try_read(1),
                lambda: stream.try_write(b"x"),
                lambda: stream.write_nowait(b"x"),
                lambda: stream.set_nodelay(True),
                lambda: stream.set_keepalive(1),
                lambda: stream.address,
                lambda: stream.peer_address,
            ):
                with pytest.raises(bide.StreamClosedError):
                    use()
        listener = await bide.listen_tcp("127.0.0.1", 0)
        listener.close()
        listener.close()
        with pytest.raises(bide.StreamClosedError):
            await listener.accept()
        with pytest.raises(bide.StreamClosedError):
            _ = listener.port
        async for _ in listener:
            raise AssertionError
        await listener.serve(echo)

    run(main())


# -- listeners ----------------------------------------------------------------


@contextlib.contextmanager
def shortage(limit):
    """No descriptor is left below the limit until the end of the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.dup(0))
        yield
    finally:
        for fd in held:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def clients(listener):
    async with bide.TaskGroup() as group:
        async for stream in listener:
            group.spawn(echo(stream))


@pytest.mark.parametrize("serve", [lambda l: l.serve(echo), clients],
                         ids=["serve", "async for"])
def test_tcp_serving_outlasts_a_shortage_of_descriptors(monkeypatch, serve):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)

    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            server = bide.spawn(serve(listener))
            with dial(listener) as client:
                highest = max(open_descriptors())
                with shortage(highest + 1):
                    while not seen:
                        await bide.sleep(0.001)
                    await bide.sleep(0.05)  # more attempts, not told
                    assert not server.done()
                for text in b"x", b"y":
                    client.send(text)
                    assert await bide.spawn_blocking(client.recv, 1) == text
            with dial(listener) as client:  # and goes on
                client.send(b"z")
                assert await bide.spawn_blocking(client.recv, 1) == b"z"
            listener.close()
            await server

    run(main())
    assert [report.exc_value.errno for report in seen] == [errno.EMFILE]
    assert "goes on" in seen[0].err_msg


def test_tcp_next_client_can_be_cancelled_in_a_shortage(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)

    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            getting = bide.spawn(anext(listener))
            with dial(listener):
                highest = max(open_descriptors())
                with shortage(highest + 1):
                    while not seen:
                        await bide.sleep(0.001)
                    getting.cancel()
                    with pytest.raises(bide.Cancelled):
                        await getting
                (await listener.accept()).close()

    run(main())


def test_tcp_listen_options_reach_the_connections():
    def options(stream):
        with socket.socket(fileno=os.dup(stream.fileno())) as s:
            return [s.getsockopt(level, name) for level, name in (
                (socket.IPPROTO_TCP, socket.TCP_NODELAY),
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                (socket.IPPROTO_TCP, socket.TCP_KEEPCNT))]

    async def accepted(**given):
        async with await bide.listen_tcp("127.0.0.1", 0, **given) as listener:
            with dial(listener):
                async with await listener.accept() as stream:
                    return options(stream)

    async def main():
        assert await accepted(nodelay=False, keepalive=(30, 7, 3)) == [
            0, 1, 30, 7, 3]
        assert (await accepted(keepalive=40))[:3] == [1, 1, 40]
        assert (await accepted())[:2] == [1, 0]
        with pytest.raises(ValueError, match="keepalive"):
            bide.listen_tcp("127.0.0.1", 0, keepalive=0)

    run(main())


def test_tcp_dual_stack_listener_serves_both_families():
    async def main():
        async with await bide.listen_tcp(None, 0) as listener:
            for host in ("127.0.0.1", "::1") if ":" in listener.address[0] else (
                    "127.0.0.1",):
                async with await bide.connect_tcp(host, listener.port):
                    (await listener.accept()).close()
            if ":" not in listener.address[0]:
                return
        async with await bide.listen_tcp("::", 0, v6_only=True) as listener:
            with pytest.raises(ConnectionRefusedError):
                await bide.connect_tcp("127.0.0.1", listener.port)

    run(main())


# -- a hundred of each --------------------------------------------------------


async def refused(_):
    with pytest.raises(ConnectionRefusedError):
        await bide.connect_tcp("127.0.0.1", 1)


async def unreachable(_):
    with pytest.raises(OSError):
        await bide.connect_tcp("255.255.255.255", 9)


async def unknown(_):
    with pytest.raises(socket.gaierror):  # too long to be asked for
        await bide.connect_tcp("x" * 70 + ".invalid", 9)


async def reset_at_once(listener):
    reset(dial(listener))


async def reset_unread(listener):
    async with await bide.connect_tcp(*listener.address) as stream:
        await stream.write(b"x" * 200000)
        await stream.read(1)
        stream.abort()


async def cancelled_connect(listener):
    connecting = bide.spawn(bide.connect_tcp(*listener.address))
    await bide.yield_now()
    connecting.cancel()
    with contextlib.suppress(bide.Cancelled):
        (await connecting).close()


async def cancelled_read(listener):
    async with await bide.connect_tcp(*listener.address) as stream:
        with bide.move_on_after(0):
            await stream.read()


async def long_line(listener):
    async with await bide.connect_tcp(*listener.address) as stream:
        await stream.write(b"x" * 100)
        with pytest.raises(bide.LimitOverrunError):
            await stream.read_until(b"\n", limit=10)


async def closed(listener):
    stream = await bide.connect_tcp(*listener.address)
    stream.close()
    with pytest.raises(bide.StreamClosedError):
        await stream.read()


async def ended(listener):
    async with await bide.connect_tcp(*listener.address) as stream:
        await stream.write(b"short")
        await stream.shutdown()
        with pytest.raises(bide.IncompleteReadError):
            await stream.read_exact(10)


def test_tcp_faults_leave_nothing_open(monkeypatch):
    faults = (refused, unreachable, unknown, reset_at_once, reset_unread,
              cancelled_connect, cancelled_read, long_line, closed, ended)
    monkeypatch.setattr(sys, "unraisablehook", lambda report: None)

    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            server = bide.spawn(listener.serve(echo))
            await unknown(listener)  # starts the threads
            await ended(listener)  # opens what the first stream does
            before = len(open_descriptors())
            for fault in faults:
                for _ in range(100):
                    await fault(listener)
                with bide.timeout(60):
                    while len(open_descriptors()) != before:
                        await bide.sleep(0.001)
                async with await bide.connect_tcp(*listener.address) as stream:
                    await stream.write(b"still there")
                    assert await stream.read_exact(11) == b"still there"
            server.cancel()

    run(main())
