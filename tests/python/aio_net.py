"""What the tests of asyncio's transports share. They run on bide's loop and on
asyncio's own: what holds there has to hold here."""

import asyncio
import contextlib
import gc
import select
import socket

import pytest

import bide
from descriptors import open_sockets

LOOPS = {"bide": bide.new_event_loop, "asyncio": asyncio.SelectorEventLoop}
every_loop = pytest.mark.parametrize("loop_name", list(LOOPS))


def run(main, loop_name="bide", **options):
    """Runs the coroutine function; no descriptor may be left afterwards."""
    with asyncio.Runner(loop_factory=LOOPS[loop_name], **options) as runner:
        runner.get_loop()
        before = open_sockets()  # the loop's own
        result = runner.run(asyncio.wait_for(main(), 30))
        gc.collect()
        runner.run(asyncio.sleep(0))
        assert open_sockets() - before == set()
    return result


class Recorder(asyncio.Protocol):
    """Notes what it is told; `await until(...)` waits for that."""

    def __init__(self):
        self.events = []
        self.data = b""
        self.changed = asyncio.Event()
        self.transport = None
        self.lost = None

    def note(self, *event):
        self.events.append(event[0] if len(event) == 1 else event)
        self.changed.set()

    def connection_made(self, transport):
        self.transport = transport
        self.note("made")

    def data_received(self, data):
        self.data += data
        self.note("data")

    def eof_received(self):
        self.note("eof")

    def pause_writing(self):
        self.note("pause")

    def resume_writing(self):
        self.note("resume")

    def connection_lost(self, exc):
        self.lost = exc
        self.note("lost")

    async def until(self, condition):
        while not condition():
            self.changed.clear()
            await self.changed.wait()

    async def until_event(self, name):
        await self.until(lambda: name in self.events)

    async def until_data(self, n):
        await self.until(lambda: len(self.data) >= n)


class Buffered(Recorder, asyncio.BufferedProtocol):
    """The same with a buffer of its own."""

    def __init__(self, size=64 * 1024):
        super().__init__()
        self.memory = bytearray(size)

    def get_buffer(self, hint):
        return memoryview(self.memory)

    def buffer_updated(self, n):
        self.data_received(bytes(self.memory[:n]))


@contextlib.asynccontextmanager
async def connected(factory=Recorder):
    """A transport's protocol and the other end, a socket."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(factory, sock=ours)
    try:
        yield protocol, theirs
    finally:
        theirs.close()
        # asyncio's own raises when the connection is lost already.
        with contextlib.suppress(AttributeError):
            transport.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def until(condition):
    """Waits for what nothing tells of."""
    while not condition():
        await asyncio.sleep(0)


def is_full(sock):
    """Whether the socket takes no more for now."""
    return not select.select([], [sock], [], 0)[1]


async def drain(sock, n):
    """Takes `n` bytes off a socket that does not block."""
    loop, taken = asyncio.get_running_loop(), bytearray()
    while len(taken) < n:
        data = await loop.sock_recv(sock, n - len(taken))
        if not data:
            break
        taken += data
    return bytes(taken)


@contextlib.contextmanager
def complaints():
    """Collects what the running loop's exception handler is told."""
    loop, found = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: found.append(context))
    try:
        yield found
    finally:
        loop.set_exception_handler(None)
