"""What a message costs an asyncio server, in CPU time, on the loops there are
and in bide's own API.

A server of a few lines in a process of its own echoes messages of 1, 10 and
100 KiB, or swallows a bulk stream by the MiB; a client of blocking sockets
keeps a message in flight on each of CONNECTIONS connections (bulk, datagrams: on
one), as with a single one most of the cost is the system's, for putting the server to
sleep and waking it up. bide's own server is the same in every row: its stream, plain
or with TLS."""

import contextlib
import functools
import socket

from aio_loops import LOOPS
from aio_served import (
    contend,
    exchange_all,
    in_turns,
    receive,
    served_case,
    serving,
)
from harness import main

KIB = 1024
CONNECTIONS = 8
EACH = {1: 2000, 10: 1600, 100: 400, 1024: 100}  # messages of a turn, by KiB
ALL = ("bide", *LOOPS)
# rloop has no TLS.
TLS = tuple(name for name in ALL if name != "rloop")


def echo(kind, size, who, n):
    """`n`: a multiple of CONNECTIONS."""
    message, view = b"x" * size, memoryview(bytearray(size))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serving(who, kind, size))
        socks = [
            stack.enter_context(server.connect()) for _ in range(CONNECTIONS)
        ]
        one_each = functools.partial(exchange_all, socks, message, view)
        yield from in_turns(server, one_each, n // CONNECTIONS)


def bulk(who, n):
    message, view = b"x" * (1024 * KIB), memoryview(bytearray(1))
    with serving(who, "bulk", len(message)) as server, server.connect() as sock:

        def one():
            sock.sendall(message)
            receive(sock, view)

        yield from in_turns(server, one, n)


def datagrams(size, who, n):
    message = b"x" * size
    with (
        serving(who, "datagram", size) as server,
        socket.socket(type=socket.SOCK_DGRAM) as sock,
    ):
        sock.settimeout(10)
        sock.connect(("127.0.0.1", server.port))

        def one():
            sock.send(message)
            sock.recv(size)

        yield from in_turns(server, one, n)


contend(ALL)
for kind, title, names in (
    ("protocol", "echo, protocol", ALL),
    ("buffered", "echo, buffered protocol", LOOPS),
    ("streams", "echo, streams", ALL),
    ("sock", "echo, sock_*", ALL),
    ("tls", "echo, TLS protocol", TLS),
    ("tls streams", "echo, TLS streams", TLS),
):
    for kib in (1, 10, 100):
        run = functools.partial(echo, kind, kib * KIB)
        served_case(f"{title}, {kib} KiB", names, run, EACH[kib])
served_case("bulk stream, 1 MiB", ALL, bulk, EACH[1024])
run = functools.partial(datagrams, KIB)
served_case("echo, datagrams, 1 KiB", ALL, run, EACH[1])
main()
