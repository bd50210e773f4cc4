"""Connections that come and go in every way, for as long as it is told: a program
for a build with sanitizers, not part of the suite.

    BIDE_SOAK_SECONDS=120 python tests/soak/aio_soak.py [SEED]

Clients write, read, pause, close, abort, reset and are cancelled at random, with
and without TLS, as protocols and as streams, against echo servers on the same
loop. At the end no descriptor, transport or task may be left.
"""

import asyncio
import contextlib
import gc
import os
import random
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

import bide  # noqa: E402
from aio_net import Buffered, Recorder, descriptors  # noqa: E402
from tls_support import client_context, server_context  # noqa: E402

CLIENTS = 30


class Echo(Recorder):
    def data_received(self, data):
        self.transport.write(data)
        if random.random() < 0.02:
            random.choice([self.transport.close, self.transport.abort])()


class BufferedEcho(Buffered):
    def buffer_updated(self, n):
        self.transport.write(self.memory[:n])


async def echo_streams(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(random.randrange(1, 100_000)):
            writer.write(data)
            await writer.drain()
    writer.close()


async def by_protocol(address, tls):
    loop = asyncio.get_running_loop()
    options = ({"ssl": client_context(), "server_hostname": "localhost"}
               if tls else {})
    transport, protocol = await loop.create_connection(
        random.choice([Recorder, Buffered]), *address, **options)
    try:
        for _ in range(random.randrange(6)):
            transport.write(os.urandom(8) * random.randrange(1, 40_000))
            random.choice([transport.pause_reading, transport.resume_reading])()
            await asyncio.sleep(random.random() * 0.002)
        if random.random() < 0.3:
            sock = transport.get_extra_info("socket")
            if sock is not None:  # gone with a connection that is lost
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                b"\1\0\0\0\0\0\0\0")
    finally:
        random.choice([transport.close, transport.abort])()
        transport.abort()
        await protocol.until_event("lost")


async def by_streams(address, tls):
    options = ({"ssl": client_context(), "server_hostname": "localhost"}
               if tls else {})
    _, writer = await asyncio.open_connection(*address, **options)
    try:
        for _ in range(random.randrange(6)):
            writer.write(os.urandom(8) * random.randrange(1, 40_000))
            await writer.drain()
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def client(servers, until):
    count = 0
    while time.monotonic() < until:
        tls, address = random.choice(servers)
        talk = random.choice([by_protocol, by_streams])
        task = asyncio.ensure_future(talk(address, tls))
        if random.random() < 0.3:
            await asyncio.sleep(random.random() * 0.01)
            task.cancel()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await task
        count += 1
    return count


async def main(seconds):
    loop = asyncio.get_running_loop()
    servers, listening = [], []
    for tls in (False, True):
        context = server_context() if tls else None
        for factory in (Echo, BufferedEcho):
            listening.append(await loop.create_server(
                factory, "127.0.0.1", 0, ssl=context))
        listening.append(await asyncio.start_server(
            echo_streams, "127.0.0.1", 0, ssl=context))
        servers += [(tls, s.sockets[0].getsockname()) for s in listening[-3:]]
    until = time.monotonic() + seconds
    done = await asyncio.gather(*(client(servers, until)
                                  for _ in range(CLIENTS)))
    for server in listening:
        server.close()
    return sum(done)


async def settle():
    """What was aborted at the end is over a few turns later."""
    for _ in range(200):
        gc.collect()
        await asyncio.sleep(0.02)
        if len(asyncio.all_tasks()) == 1:
            break


if __name__ == "__main__":
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else int(time.time())
    print(f"seed {seed}", flush=True)
    random.seed(seed)
    with asyncio.Runner(loop_factory=bide.new_event_loop) as runner:
        event_loop = runner.get_loop()
        event_loop.set_exception_handler(
            lambda _, context: None if isinstance(
                context.get("exception"), OSError) else print(context))
        before = descriptors()
        connections = runner.run(
            main(float(os.environ.get("BIDE_SOAK_SECONDS", "120"))))
        runner.run(settle())
        left = descriptors() - before
    print(f"{connections} connections, {len(left)} descriptors left")
    sys.exit(bool(left))
