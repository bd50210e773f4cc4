"""A server of a few lines on one of the loops, for bench_aio_*.py.

    python aio_server.py LOOP KIND SIZE

Prints its port. LOOP is a name of `LOOPS`, or "bide": its own API."""

import asyncio
import os
import signal
import socket
import ssl
import sys

from aio_loops import LOOPS

MOST = 256 * 1024
LIFE = 900  # seconds: none outlives a bench that was killed for long


def announce(port):
    print(port, flush=True)


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["BENCH_CERTIFICATE"])
    return context


# -- asyncio's API -------------------------------------------------------------


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.write = transport.write

    def data_received(self, data):
        self.write(data)


class Buffered(asyncio.BufferedProtocol):
    def connection_made(self, transport):
        self.write = transport.write
        self.view = memoryview(bytearray(MOST))

    def get_buffer(self, hint):
        return self.view

    def buffer_updated(self, n):
        self.write(bytes(self.view[:n]))


class Swallow(asyncio.Protocol):
    """Answers with a byte for each `size` of a stream."""

    size = 0

    def connection_made(self, transport):
        self.transport = transport
        self.got = 0

    def data_received(self, data):
        self.got += len(data)
        while self.got >= self.size:
            self.got -= self.size
            self.transport.write(b".")


class Canned(asyncio.Protocol):
    """Answers each request, which comes in one piece, with the same bytes."""

    answer = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(self.answer)


async def streams(reader, writer):
    while data := await reader.read(MOST):
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve_protocol(factory, context=None):
    listening = socket.create_server(("127.0.0.1", 0))
    announce(listening.getsockname()[1])
    server = await asyncio.get_running_loop().create_server(
        factory, sock=listening, ssl=context
    )
    await asyncio.Event().wait()
    server.close()


async def serve_streams(context=None):
    listening = socket.create_server(("127.0.0.1", 0))
    announce(listening.getsockname()[1])
    server = await asyncio.start_server(
        streams, sock=listening, ssl=context, limit=MOST
    )
    await asyncio.Event().wait()
    server.close()


async def echo_socket(loop, conn):
    with conn:
        while data := await loop.sock_recv(conn, MOST):
            await loop.sock_sendall(conn, data)


async def serve_sockets():
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        announce(listening.getsockname()[1])
        async with asyncio.TaskGroup() as group:
            while True:
                conn, _ = await loop.sock_accept(listening)
                group.create_task(echo_socket(loop, conn))


async def serve_datagrams():
    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.sendto = transport.sendto

        def datagram_received(self, data, address):
            self.sendto(data, address)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Datagrams, ("127.0.0.1", 0)
    )
    announce(transport.get_extra_info("sockname")[1])
    await asyncio.Event().wait()


# -- HTTP ----------------------------------------------------------------------


async def serve_uvicorn(size):
    import uvicorn

    body = b"x" * size
    headers = [
        (b"content-type", b"text/plain"),
        (b"content-length", b"%d" % size),
    ]

    async def app(scope, receive, send):
        await send(
            {"type": "http.response.start", "status": 200, "headers": headers}
        )
        await send({"type": "http.response.body", "body": body})

    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_level="error",
        access_log=False,
        timeout_keep_alive=LIFE,  # not from one turn to the next
    )
    announce(listening.getsockname()[1])
    await uvicorn.Server(config).serve([listening])


async def serve_aiohttp(size):
    from aiohttp import web

    body = b"x" * size

    async def answer(request):
        return web.Response(body=body)

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    announce(listening.getsockname()[1])
    await asyncio.Event().wait()


async def serve_canned(size):
    Canned.answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
        b"Content-Length: %d\r\n\r\n" % size + b"x" * size
    )
    await serve_protocol(Canned)


async def serve(kind, size):
    if kind in HTTP:
        await HTTP[kind](size)
    elif kind == "sock":
        await serve_sockets()
    elif kind == "datagram":
        await serve_datagrams()
    elif kind in ("streams", "tls streams"):
        await serve_streams(tls_context() if kind != "streams" else None)
    else:
        Swallow.size = size
        factory = {"bulk": Swallow, "buffered": Buffered}.get(kind, Echo)
        await serve_protocol(factory, tls_context() if kind == "tls" else None)


HTTP = {
    "uvicorn": serve_uvicorn,
    "aiohttp": serve_aiohttp,
    "canned": serve_canned,
}


# -- bide's API ----------------------------------------------------------------


async def native_echo(stream):
    while data := await stream.read(MOST):
        await stream.write(data)


async def native_swallow(stream, size):
    left = size
    while data := await stream.read(MOST):
        left -= len(data)
        while left <= 0:
            left += size
            await stream.write(b".")


async def native_datagrams():
    import bide

    async with await bide.bind_udp("127.0.0.1", 0) as udp:
        announce(udp.port)
        while True:
            data, address = await udp.recv_from()
            await udp.send_to(data, address)


async def native(kind, size):
    import bide

    if kind == "datagram":
        await native_datagrams()
    if kind.startswith("tls"):
        context = tls_context()
        listener = await bide.listen_tls("127.0.0.1", 0, ssl=context)
    else:
        listener = await bide.listen_tcp("127.0.0.1", 0)
    async with listener:
        announce(listener.port)
        if kind == "bulk":
            await listener.serve(lambda s: native_swallow(s, size))
        else:
            await listener.serve(native_echo)


def main():
    signal.alarm(LIFE)
    loop, kind, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if loop == "bide":
        import bide

        bide.run(native(kind, size))
    else:
        with asyncio.Runner(loop_factory=LOOPS[loop]()) as runner:
            runner.run(serve(kind, size))


main()
