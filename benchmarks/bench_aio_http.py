"""What an HTTP request costs, in CPU time: uvicorn's and aiohttp's servers and
aiohttp's client on the loops there are.

A server runs in a process of its own under 16 connections, all of which have a
request in flight. The client runs here, 16 requests at a time, against a server
that always sends the same."""

import asyncio
import contextlib
import functools

from aio_loops import LOOPS
from aio_served import (
    contend,
    exchange_all,
    in_turns,
    receive,
    served_case,
    serving,
)
from harness import cpu_clock, main, optional

KIB = 1024
CONNECTIONS = 16
EACH = 64  # requests of a connection in a turn
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"


def first_answer(sock, size):
    """The length of an answer, whose body has `size` bytes."""
    data = b""
    sock.sendall(REQUEST)
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536)
    if not data.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"the server answers {data[:100]!r}")
    length = data.index(b"\r\n\r\n") + 4 + size
    receive(sock, memoryview(bytearray(length - len(data))))
    return length


def server(kind, size, who, n):
    """`n`: a multiple of CONNECTIONS."""
    with contextlib.ExitStack() as stack:
        tested = stack.enter_context(serving(who, kind, size))
        connections = [
            stack.enter_context(tested.connect()) for _ in range(CONNECTIONS)
        ]
        for sock in connections:
            view = memoryview(bytearray(first_answer(sock, size)))
        one_each = functools.partial(exchange_all, connections, REQUEST, view)
        yield from in_turns(tested, one_each, n // CONNECTIONS)


async def requests(session, url, n):
    """The CPU time of `n` requests."""

    async def some():
        for _ in range(n // CONNECTIONS):
            async with session.get(url) as response:
                await response.read()

    start = cpu_clock()
    await asyncio.gather(*(some() for _ in range(CONNECTIONS)))
    return cpu_clock() - start


async def new_session():
    import aiohttp

    return aiohttp.ClientSession()


def client(size, who, n):
    with (
        serving("asyncio", "canned", size) as server,
        asyncio.Runner(loop_factory=LOOPS[who]()) as runner,
    ):
        url = f"http://127.0.0.1:{server.port}/"
        session = runner.run(new_session())
        try:
            runner.run(requests(session, url, n))
            yield
            while True:
                yield runner.run(requests(session, url, n))
        finally:
            runner.run(session.close())


contend(LOOPS)
for title, work in (
    ("uvicorn, plaintext", functools.partial(server, "uvicorn", 13)),
    ("uvicorn, 10 KiB", functools.partial(server, "uvicorn", 10 * KIB)),
    ("aiohttp server, plaintext", functools.partial(server, "aiohttp", 13)),
    ("aiohttp server, 10 KiB", functools.partial(server, "aiohttp", 10 * KIB)),
    ("aiohttp client, plaintext", functools.partial(client, 13)),
):
    package = title.split()[0].rstrip(",")
    # rloop takes the descriptor away from a socket that aiohttp's server asks.
    names = [who for who in LOOPS if (who, package) != ("rloop", "aiohttp")]
    if optional(package):
        served_case(title, names, work, EACH * CONNECTIONS)
main()
