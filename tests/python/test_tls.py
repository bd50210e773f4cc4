"""TLS: handshakes, what flows, and how it ends."""

import os
import socket
import ssl
import subprocess
import time

import pytest

import bide
from sweep import settle
from tls_support import (
    certs,
    client_context,
    failures,
    pair,
    server_context,
    shake,
    with_pair,
)


def run(coro):
    async def main():
        with bide.timeout(60):
            await coro

    bide.run(main())


async def echo(stream):
    async for chunk in stream:
        await stream.write(chunk)
    await stream.shutdown()


# -- the handshake -------------------------------------------------------------


def test_tls_echo():
    async def main():
        listener = await bide.listen_tls("127.0.0.1", 0, ssl=server_context())
        async with listener:
            serving = bide.spawn(listener.serve(echo))
            stream = await bide.connect_tls(
                "127.0.0.1", listener.port, ssl=client_context())
            async with stream:
                await stream.write(b"hello")
                assert await stream.read_exact(5) == b"hello"
                await stream.shutdown()
                assert await stream.read() == b""
            listener.close()
            await serving

    run(main())


@with_pair()
async def test_tls_info_is_told(client, server):
    assert client.tls.version == server.tls.version == "TLSv1.3"
    assert client.tls.cipher.startswith("TLS_")
    assert client.tls.alpn is None
    assert ("DNS", "localhost") in client.tls.peer_certificate["subjectAltName"]
    assert client.tls.peer_certificate_der
    assert server.tls.peer_certificate_der is None
    assert "TLSv1.3" in repr(client.tls)
    assert isinstance(client.tls.ssl_object, ssl.SSLObject)
    assert isinstance(client, bide.Stream)


def test_tls_of_a_plain_stream_is_none():
    async def main():
        a, b = bide.socketpair()
        async with a, b:
            assert a.tls is None

    run(main())


def refused_by_the_client(reason, **options):
    async def main():
        error, _ = await failures(**options)
        assert isinstance(error, ssl.SSLCertVerificationError)
        assert reason in str(error)

    run(main())


def test_tls_expired_certificate_is_an_error():
    refused_by_the_client(
        "certificate has expired", server_ctx=server_context("expired"))


def test_tls_self_signed_certificate_is_an_error():
    refused_by_the_client(
        "self-signed certificate", server_ctx=server_context("self"))


def test_tls_unknown_authority_is_an_error():
    refused_by_the_client(
        "unable to get local issuer certificate",
        client_ctx=client_context("other-ca.pem"))


def test_tls_wrong_host_is_an_error():
    refused_by_the_client(
        "certificate is not valid for 'other.test'", hostname="other.test")


def test_tls_alpn_is_agreed_on():
    async def main():
        client, server = await pair(
            server_ctx=server_context(alpn=["h2", "http/1.1"]),
            client_ctx=client_context(alpn=["http/1.1"]))
        async with client, server:
            assert client.tls.alpn == server.tls.alpn == "http/1.1"

    run(main())


def test_tls_server_name_picks_the_certificate():
    async def main():
        context, other = server_context(), server_context("example")
        names = []

        def pick(ssl_object, name, _context):
            names.append(name)
            if name.endswith(".wild.test"):
                ssl_object.context = other

        context.sni_callback = pick
        for name in "a.wild.test", "localhost":
            client, server = await pair(server_ctx=context, hostname=name)
            client.close()
            server.close()
        assert names == ["a.wild.test", "localhost"]

    run(main())


def test_tls_client_certificate():
    async def main():
        client, server = await pair(
            server_ctx=server_context(client_ca="ca.pem"),
            client_ctx=client_context(cert="client"))
        async with client, server:
            subject = dict(x[0] for x in server.tls.peer_certificate["subject"])
            assert subject["commonName"] == "client"

    run(main())


def refused_by_the_server(reason, cert=None):
    async def main():
        theirs, ours = await failures(
            server_ctx=server_context(client_ca="ca.pem"),
            client_ctx=client_context(cert=cert))
        assert reason in str(ours)
        assert isinstance(theirs, OSError)

    run(main())


def test_tls_client_without_its_certificate_is_refused():
    refused_by_the_server("peer did not return a certificate")


def test_tls_client_certificate_of_a_stranger_is_refused():
    refused_by_the_server("unable to get local issuer certificate", "stranger")


def test_tls_session_is_resumed():
    async def main():
        server_ctx, client_ctx = server_context(), client_context()
        session = None
        for reused in False, True:
            client, server = await pair(
                server_ctx=server_ctx, client_ctx=client_ctx, session=session)
            async with client, server:
                assert client.tls.session_reused is reused
                assert server.tls.session_reused is reused
                await server.write(b"x")
                await client.read()  # the ticket comes with it
                session = client.tls.session

    run(main())


def test_tls_handshake_with_garbage_is_an_error():
    async def main():
        client, server = bide.socketpair()
        async with client:
            await client.write(b"GET / HTTP/1.0\r\n\r\n")
            with pytest.raises(ssl.SSLError):
                await server.start_tls(server_context(), server_side=True)
            assert server.closed

    run(main())


def test_tls_end_within_the_handshake_is_an_error():
    async def main():
        client, server = bide.socketpair()
        async with client:
            await client.write(b"\x16\x03\x01")
            await client.shutdown()
            with pytest.raises(ssl.SSLEOFError):
                await server.start_tls(server_context(), server_side=True)

    run(main())


def test_tls_stuck_handshake_delays_nobody():
    async def main():
        listener = await bide.listen_tls("127.0.0.1", 0, ssl=server_context())
        async with listener:
            serving = bide.spawn(listener.serve(echo))
            stuck = await bide.connect_tcp("127.0.0.1", listener.port)
            await stuck.write(b"\x16\x03")
            stream = await bide.connect_tls(
                "127.0.0.1", listener.port, ssl=client_context())
            async with stream, stuck:
                await stream.write(b"hello")
                assert await stream.read_exact(5) == b"hello"
            listener.close()
            await serving
            assert listener.failures == 1

    run(main())


def test_tls_handshake_has_a_deadline():
    async def main():
        a, b = bide.socketpair()
        async with a:
            started = bide.now()
            with pytest.raises(TimeoutError):
                await b.start_tls(client_context(), server_hostname="localhost",
                                  handshake_timeout=30)
            assert bide.now() - started >= 30
            assert b.closed

    bide.run(main(), virtual_clock=True)


def test_tls_accept_makes_the_handshake_when_used():
    async def main():
        listener = await bide.listen_tls("127.0.0.1", 0, ssl=server_context())
        async with listener:
            client = bide.spawn(bide.connect_tls(
                "127.0.0.1", listener.port, ssl=client_context()))
            server = await listener.accept()
            async with server:
                assert server.tls.version is None
                await server.write(b"hello")
                async with await client as stream:
                    assert await stream.read() == b"hello"
                    # Two tasks, one of which makes the handshake.

    run(main())


# -- what flows ----------------------------------------------------------------


@with_pair()
async def test_tls_reads_as_a_stream_does(client, server):
    await server.write(b"one\ntwo\nthree|four, and the rest")
    assert await client.read_line() == b"one\n"
    lines = client.lines()
    assert await anext(lines) == b"two\n"
    assert await client.read_until(b"|") == b"three|"
    assert await client.read_exact(4) == b"four"
    assert await client.read(2) == b", "
    buffer = bytearray(3)
    assert await client.read_into(buffer) == 3
    assert buffer == b"and"
    assert client.buffered == 9
    assert client.try_read(4) == b" the"
    assert await client.read() == b" rest"
    with pytest.raises(bide.WouldBlockError):
        client.try_read()
    with pytest.raises(bide.LimitOverrunError):
        await server.write(b"x" * 100)
        await client.read_until(b"|", limit=50)
    await server.shutdown()
    with pytest.raises(bide.IncompleteReadError) as caught:
        await client.read_exact(200)
    assert caught.value.partial == b"x" * 100
    assert await client.read_line() == b"x" * 100
    assert await client.read() == b""
    assert [line async for line in client.lines()] == []


@with_pair()
async def test_tls_peek_takes_nothing(client, server):
    await server.write(b"GET / HTTP")
    assert [await client.peek(n) for n in (3, 5)] == [b"GET", b"GET /"]
    assert await client.read_exact(3) == b"GET"
    await server.shutdown()
    assert await client.peek(100) == b" / HTTP" == await client.read()
    assert await client.peek(1) == b""
    with pytest.raises(ValueError, match="n must be at least 1, not 0"):
        client.peek(0)


@with_pair()
async def test_tls_writes_without_waiting(client, server):
    client.write_nowait(b"a")
    assert client.try_write(b"b" * 20000) == 16384
    await client.write_many([b"c", bytearray(b"d"), memoryview(b"e")])
    await client.write(b"")
    await client.drain()
    assert await server.read_exact(16388) == b"a" + b"b" * 16384 + b"cde"
    with pytest.raises(TypeError, match="encode it first"):
        client.write("text")


@with_pair()
async def test_tls_large_transfers_in_both_directions(client, server):
    data = os.urandom(3_000_000)

    async def send(stream):
        await stream.write(data)
        await stream.shutdown()

    async def receive(stream):
        return b"".join([chunk async for chunk in stream])

    results = await bide.gather(
        send(client), send(server), receive(client), receive(server))
    assert results[2] == results[3] == data


@with_pair()
async def test_tls_second_writer_queues(client, server):
    parts = [bytes([n]) * 700_000 for n in b"abc"]
    writing = [bide.spawn(_write(client, part)) for part in parts]
    for part in parts:
        assert await server.read_exact(len(part)) == part
    await bide.gather(*writing)


async def _write(stream, data):
    await stream.write(data)


async def _read(stream):
    return await stream.read()


@with_pair()
async def test_tls_second_reader_is_an_error(client, server):
    first = bide.spawn(_read(client))
    await settle()
    with pytest.raises(bide.BusyError):
        await client.read()
    await server.write(b"x")
    assert await first == b"x"


async def forward(source, target):
    """Hands bytes on one by one."""
    try:
        async for chunk in source:
            for at in range(len(chunk)):
                await target.write(chunk[at:at + 1])
                await bide.yield_now()
        await target.shutdown()
    except OSError:
        pass


def test_tls_byte_by_byte():
    async def main():
        client, a = bide.socketpair()
        b, server = bide.socketpair()
        there, back = bide.spawn(forward(a, b)), bide.spawn(forward(b, a))
        client, server = await shake(client, server)
        async with client, server, a, b:
            await client.write(b"hello")
            assert await server.read_exact(5) == b"hello"
            await server.write(b"there")
            await server.shutdown()
            assert await client.read_exact(5) == b"there"
            assert await client.read() == b""
            client.close()
            server.close()
            await there
            await back

    run(main())


def test_tls_starts_with_what_is_buffered():
    async def main():
        client, server = bide.socketpair()
        # The plain talk and the client's hello arrive together.
        bio, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        hello = client_context().wrap_bio(bio, out, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            hello.do_handshake()
        await client.write(b"STARTTLS\n" + out.read())
        assert await server.read_line() == b"STARTTLS\n"
        shaking = bide.spawn(server.start_tls(server_context(), server_side=True))
        while True:
            bio.write(await client.read())
            try:
                hello.do_handshake()
                break
            except ssl.SSLWantReadError:
                pass
        hello.write(b"first")
        await client.write(out.read())
        tls = await shaking
        async with tls, client:
            assert server.closed
            with pytest.raises(bide.StreamClosedError):
                await server.read()
            assert await tls.read() == b"first"

    run(main())


def test_tls_over_tls():
    async def main():
        outer = await pair()
        client, server = await shake(*outer)
        async with client, server:
            data = os.urandom(500_000)
            writing = bide.spawn(_write(client, data))
            assert await server.read_exact(len(data)) == data
            await writing
            await server.write(b"back")
            assert await client.read() == b"back"
            await server.shutdown()
            assert await client.read() == b""
            assert all(stream.closed for stream in outer)

    run(main())


# -- ends ----------------------------------------------------------------------


@with_pair()
async def test_tls_shutdown_ends_the_sending_half(client, server):
    await client.write(b"last")
    await client.shutdown()
    await client.shutdown()
    with pytest.raises(BrokenPipeError):
        await client.write(b"more")
    assert await server.read() == b"last"
    assert await server.read() == b""
    await server.write(b"still")
    assert await client.read() == b"still"


def test_tls_truncation_is_an_error():
    async def main():
        client, server = bide.socketpair()
        fd = os.dup(client.fileno())
        client, server = await shake(client, server)
        async with server:
            await client.write(b"some")
            with socket.socket(fileno=fd) as plain:
                plain.shutdown(socket.SHUT_WR)
                assert await server.read() == b"some"
                for _ in range(2):
                    with pytest.raises(ssl.SSLEOFError):
                        await server.read()
            client.close()

    run(main())


@with_pair()
async def test_tls_close_tells_the_peer(client, server):
    await client.write(b"bye")
    client.close()
    client.close()
    assert await server.read() == b"bye"
    assert await server.read() == b""
    with pytest.raises(bide.StreamClosedError):
        await client.read()
    with pytest.raises(bide.StreamClosedError):
        await client.write(b"x")


def test_tls_close_is_prompt():
    async def main():
        client, server = await pair()
        async with server:
            reading = bide.spawn(_read(client))
            writing = bide.spawn(_write(client, b"x" * 10_000_000))
            await settle()
            started = time.monotonic()
            client.close()
            for task in reading, writing:
                with pytest.raises(bide.StreamClosedError):
                    await task
            assert time.monotonic() - started < 5

    run(main())


@with_pair()
async def test_tls_altered_record_is_an_error(client, server):
    with socket.socket(fileno=os.dup(client.fileno())) as plain:
        plain.send(b"\x17\x03\x03\x00\x20" + b"\0" * 32)
    with pytest.raises(ssl.SSLError, match="(?i)bad record mac|decryption"):
        await server.read()
    with pytest.raises(ssl.SSLError):
        await server.read()


@with_pair()
async def test_tls_oversized_record_is_an_error(client, server):
    with socket.socket(fileno=os.dup(client.fileno())) as plain:
        plain.send(b"\x17\x03\x03\xff\xff" + b"\0" * 100)
    with pytest.raises(ssl.SSLError):
        await server.read()


def test_tls_reset_by_the_peer_is_an_error():
    async def main():
        listener = await bide.listen_tls("127.0.0.1", 0, ssl=server_context())
        async with listener:
            connecting = bide.spawn(bide.connect_tls(
                "127.0.0.1", listener.port, ssl=client_context()))
            server = await listener.accept()
            await server.handshake()
            client = await connecting
            with socket.socket(fileno=os.dup(server.fileno())) as plain:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 b"\1\0\0\0\0\0\0\0")
                with pytest.warns(ResourceWarning):
                    del server  # without a word
            async with client:
                with pytest.raises(OSError):
                    while True:
                        await client.read()

    run(main())


# -- bad input -----------------------------------------------------------------


def test_tls_bad_arguments_are_errors():
    async def main():
        a, b = bide.socketpair()
        async with a, b:
            with pytest.raises(TypeError, match="ssl must be an ssl.SSLContext"):
                await a.start_tls("context")
            with pytest.raises(TypeError, match="ssl is missing"):
                await a.start_tls(server_side=True)
            with pytest.raises(ValueError, match="server_hostname"):
                await a.start_tls(client_context())
            assert not a.closed
        with pytest.raises(bide.StreamClosedError):
            await a.start_tls(client_context(), server_hostname="x")

    run(main())


# -- other programs ------------------------------------------------------------


def test_tls_talks_to_openssl_s_client():
    async def answer(stream):
        await stream.write(await stream.read_line())
        await stream.shutdown()

    async def main():
        listener = await bide.listen_tls("127.0.0.1", 0, ssl=server_context())
        async with listener:
            serving = bide.spawn(listener.serve(answer))
            answered = await bide.spawn_blocking(_s_client, listener.port)
            assert answered == b"hello\n"
            listener.close()
            await serving

    run(main())


def _s_client(port):
    process = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile",
         str(certs() / "ca.pem"), "-verify_return_error", "-quiet"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    process.stdin.write(b"hello\n")
    process.stdin.flush()
    line = process.stdout.readline()
    process.stdin.close()
    process.kill()
    process.wait()
    process.stdout.close()
    return line
