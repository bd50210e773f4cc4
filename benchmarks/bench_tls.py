"""Echo over TLS through the loopback interface: a round trip is a write and an
exact read at either end of one connection, both in this process. What is timed
is the CPU: the ends wait for each other. asyncio and uvloop use streams."""

import asyncio
import functools
import ssl
import subprocess
import tempfile
from pathlib import Path

from harness import case, cpu_clock, main, optional

bide = optional("bide")
SIZES = {"1 KiB": 1024, "10 KiB": 10240, "100 KiB": 102400}


@functools.cache
def contexts():
    """A server's and a client's, with a certificate made for the occasion."""
    with tempfile.TemporaryDirectory() as name:
        cert, key = Path(name, "cert.pem"), Path(name, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-nodes", "-days", "1", "-newkey",
             "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj",
             "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", str(key), "-out", str(cert)],
            check=True, stderr=subprocess.DEVNULL)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(cert, key)
        client = ssl.create_default_context(cafile=str(cert))
    return server, client


async def time_bide(size, n):
    async def echo(stream):
        for _ in range(n):
            await stream.write(await stream.read_exact(size))

    server, client = contexts()
    data = b"x" * size
    async with await bide.listen_tls("127.0.0.1", 0, ssl=server) as listener:
        serving = bide.spawn(listener.serve(echo))
        async with await bide.connect_tls(
                "127.0.0.1", listener.port, ssl=client,
                server_hostname="localhost") as stream:
            started = cpu_clock()
            for _ in range(n):
                await stream.write(data)
                await stream.read_exact(size)
            took = cpu_clock() - started
        listener.close()
        await serving
    return took


async def time_asyncio(size, n):
    async def echo(reader, writer):
        for _ in range(n):
            writer.write(await reader.readexactly(size))
            await writer.drain()
        writer.close()

    server, client = contexts()
    data = b"x" * size
    listener = await asyncio.start_server(
        echo, "127.0.0.1", 0, ssl=server, limit=1 << 20)
    port = listener.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=client, server_hostname="localhost",
        limit=1 << 20)
    started = cpu_clock()
    for _ in range(n):
        writer.write(data)
        await writer.drain()
        await reader.readexactly(size)
    took = cpu_clock() - started
    writer.close()
    listener.close()
    return took


for name, size in SIZES.items():
    case(name, "bide", cpu=True)(functools.partial(time_bide, size))
    case(name, "bide loop", "asyncio", "uvloop", cpu=True)(
        functools.partial(time_asyncio, size))

if __name__ == "__main__":
    main()
