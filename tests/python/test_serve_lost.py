"""What serve() reports of handlers whose connection the peer ended."""

import errno
import os
import socket
import sys

import pytest

import bide
from tls_support import client_context, server_context


async def reads(stream):
    async for _ in stream:
        pass


async def writes(stream):
    while True:
        await stream.write(bytes(100000))


async def reads_and_writes(stream):
    async with bide.TaskGroup() as group:
        group.spawn(reads(stream))
        group.spawn(writes(stream))


async def blunders(stream):
    try:
        await reads(stream)
    except OSError:
        raise ValueError("a blunder") from None



async def loses_another(stream):
    with pytest.raises(bide.IncompleteReadError):
        await stream.read_exact(1)
    raise ConnectionResetError(errno.ECONNRESET, "another's")


async def writes_after_its_end(stream):
    await stream.shutdown()
    await stream.write(b"more")


def reset(stream):
    stream.abort()


def end(stream):
    """An end of the connection; TLS does not know."""
    with socket.socket(fileno=os.dup(stream.fileno())) as plain:
        plain.shutdown(socket.SHUT_WR)


@pytest.fixture
def reports(monkeypatch):
    """What is reported of a handler while its client does as told."""
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)

    async def serve(listener, connecting, handler, part):
        async def handle(stream):
            assert await stream.read_exact(5) == b"hello"
            await stream.write(b"go")
            await handler(stream)

        async with listener:
            server = bide.spawn(listener.serve(handle))
            async with await connecting(listener.port) as client:
                await client.write(b"hello")
                assert await client.read_exact(2) == b"go"
                part(client)
                listener.close()
                await server

    async def over_tcp(handler, part):
        await serve(await bide.listen_tcp("127.0.0.1", 0),
                    lambda port: bide.connect_tcp("127.0.0.1", port),
                    handler, part)

    async def over_tls(handler, part):
        await serve(
            await bide.listen_tls("127.0.0.1", 0, ssl=server_context()),
            lambda port: bide.connect_tls("127.0.0.1", port,
                                          ssl=client_context()),
            handler, part)

    async def timed(coro):
        with bide.timeout(60):
            await coro

    def told(handler, part, *, tls=False):
        seen.clear()
        bide.run(timed((over_tls if tls else over_tcp)(handler, part)))
        return [type(report.exc_value) for report in seen]

    return told


def test_tcp_serve_is_quiet_about_a_lost_connection(reports):
    for handler in (reads, writes, reads_and_writes):
        assert reports(handler, reset) == []


def test_tls_serve_is_quiet_about_a_lost_connection(reports):
    for handler in (reads, writes, reads_and_writes):
        assert reports(handler, reset, tls=True) == []
    assert reports(reads, end, tls=True) == []


def test_serve_reports_what_else_fails_with_a_connection(reports):
    for tls in (False, True):
        assert reports(blunders, reset, tls=tls) == [ValueError]
        assert reports(writes_after_its_end, end, tls=tls) == [BrokenPipeError]
    assert reports(loses_another, end) == [ConnectionResetError]
