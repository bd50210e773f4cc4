"""What an HTTP request costs, in CPU time: uvicorn's and aiohttp's servers and
aiohttp's client on the loops there are.

A server runs in a process of its own under 16 connections, all of which have a
request in flight. The client runs here, 16 requests at a time, against a server
that always sends the same."""

import asyncio
import contextlib
import functools

from aio_loops import LOOPS
from aio_served import TURNS, contend, receive, served, served_case, typical
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
    tested = served(who, kind, size)
    each = n // TURNS // CONNECTIONS
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(tested.connect()) for _ in range(CONNECTIONS)
        ]
        for sock in connections:
            view = memoryview(bytearray(first_answer(sock, size)))

        def turn():
            for _ in range(each):
                for sock in connections:
                    sock.sendall(REQUEST)
                for sock in connections:
                    receive(sock, view)

        turn()  # until code is specialised and memory is there
        return typical(lambda: tested.cost(turn))


async def requests(url, n):
    import aiohttp

    async def some(session):
        for _ in range(n // TURNS // CONNECTIONS):
            async with session.get(url) as response:
                await response.read()

    async def turn(session):
        start = cpu_clock()
        await asyncio.gather(*(some(session) for _ in range(CONNECTIONS)))
        return cpu_clock() - start

    async with aiohttp.ClientSession() as session:
        await turn(session)
        took = [await turn(session) for _ in range(TURNS)]
    return typical(iter(took).__next__)


def client(size, who, n):
    port = served("asyncio", "canned", size).port
    with asyncio.Runner(loop_factory=LOOPS[who]()) as runner:
        return runner.run(requests(f"http://127.0.0.1:{port}/", n))


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
