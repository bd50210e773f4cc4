"""What a message costs an asyncio server, in CPU time, on the loops there are
and in bide's own API.

A server of a few lines in a process of its own echoes messages of 1, 10 and
100 KiB, or swallows a bulk stream by the MiB; a client of blocking sockets
keeps one message in flight. bide's own server is the same in every row: its
stream, plain or with TLS."""

import functools
import socket

from aio_loops import LOOPS
from aio_served import contend, receive, served, served_case
from harness import main

KIB = 1024
WARM_UP = 300  # messages, until code is specialised
ALL = ("bide", *LOOPS)
# rloop has no TLS.
TLS = tuple(name for name in ALL if name != "rloop")


def echo(kind, size, who, n):
    server = served(who, kind, size)
    message, view = b"x" * size, memoryview(bytearray(size))
    if not server.sock:
        server.sock = server.connect()

    def work(n):
        for _ in range(n):
            server.sock.sendall(message)
            receive(server.sock, view)

    if not server.warm:
        work(WARM_UP)
        server.warm = True
    return server.cost(lambda: work(n))


def bulk(who, n):
    server = served(who, "bulk", 1024 * KIB)
    message, view = b"x" * (1024 * KIB), memoryview(bytearray(1))

    def work():
        with server.connect() as sock:
            for _ in range(n):
                sock.sendall(message)
                receive(sock, view)

    return server.cost(work)


def datagrams(size, who, n):
    server = served(who, "datagram", size)
    message = b"x" * size

    def work():
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.settimeout(10)
            sock.connect(("127.0.0.1", server.port))
            for _ in range(n):
                sock.send(message)
                sock.recv(size)

    return server.cost(work)


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
        served_case(f"{title}, {kib} KiB", names, run)
served_case("bulk stream, 1 MiB", ALL, bulk)
served_case("echo, datagrams, 1 KiB", ALL, functools.partial(datagrams, KIB))
main()
