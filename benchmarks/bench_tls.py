"""Echo over TLS: bide beside asyncio's streams, on its own loop and uvloop's.

    tools/run --bench python benchmarks/bench_tls.py

One process, one connection over the loopback interface, both ends in the same
library: a round trip is a write and an exact read at either end. The libraries
take turns, round by round; the medians of their CPU time per round trip are
shown."""

import asyncio
import ssl
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import bide

SIZES = {1024: 4000, 10240: 2000, 102400: 300}
ROUNDS = 5


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


async def time_bide(server, client, size, count):
    async def echo(stream):
        for _ in range(count):
            await stream.write(await stream.read_exact(size))

    data = b"x" * size
    async with await bide.listen_tls("127.0.0.1", 0, ssl=server) as listener:
        serving = bide.spawn(listener.serve(echo))
        async with await bide.connect_tls(
                "127.0.0.1", listener.port, ssl=client,
                server_hostname="localhost") as stream:
            started = time.process_time()
            for _ in range(count):
                await stream.write(data)
                await stream.read_exact(size)
            took = time.process_time() - started
        listener.close()
        await serving
    return took / count


async def time_asyncio(server, client, size, count):
    async def echo(reader, writer):
        for _ in range(count):
            writer.write(await reader.readexactly(size))
            await writer.drain()
        writer.close()

    data = b"x" * size
    listener = await asyncio.start_server(
        echo, "127.0.0.1", 0, ssl=server, limit=1 << 20)
    port = listener.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=client, server_hostname="localhost",
        limit=1 << 20)
    started = time.process_time()
    for _ in range(count):
        writer.write(data)
        await writer.drain()
        await reader.readexactly(size)
    took = time.process_time() - started
    writer.close()
    listener.close()
    return took / count


def runners():
    found = {"bide": bide.run, "asyncio": asyncio.run}
    try:
        import uvloop
    except ImportError:
        return found
    found["uvloop"] = uvloop.run
    return found


def main():
    server, client = contexts()
    found = runners()
    print("| bytes | " + " | ".join(found) + " | (CPU, us per round trip) |")
    print("|---:|" + "---:|" * len(found) + "---|")
    for size, count in SIZES.items():
        times = {name: [] for name in found}
        for _ in range(ROUNDS):
            for name, run in found.items():
                timed = time_bide if name == "bide" else time_asyncio
                times[name].append(run(timed(server, client, size, count)))
        row = [f"{statistics.median(times[name]) * 1e6:.1f}" for name in found]
        print(f"| {size} | " + " | ".join(row) + " | |", flush=True)


if __name__ == "__main__":
    main()
