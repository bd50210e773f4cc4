import errno
import os
import socket
import threading

import pytest

import bide
from sweep import settle


def run(coro):
    return bide.run(coro)


def with_pair(test):
    """Runs `test(a, b)` on a socketpair that does not block."""
    async def main():
        a, b = socket.socketpair()
        with a, b, bide.timeout(60):
            a.setblocking(False)
            b.setblocking(False)
            await test(a, b)

    run(main())


def fill(sock):
    with pytest.raises(BlockingIOError):
        while True:
            sock.send(bytes(65536))


def drain(sock):
    with pytest.raises(BlockingIOError):
        while True:
            sock.recv(1 << 20)


async def _note(wait, log, name):
    await wait
    log.append(name)


def test_readable_wakes_when_data_arrives():
    async def check(a, b):
        log = []
        task = bide.spawn(_note(bide.wait_readable(a), log, "a"))
        await settle()
        assert log == []
        b.send(b"x")
        await task
        assert a.recv(10) == b"x"

    with_pair(check)


def test_readable_with_data_there_does_not_hang():
    async def check(a, b):
        b.send(b"x")
        await bide.wait_readable(a.fileno())
        await bide.wait_readable(a)

    with_pair(check)


def test_writable_wakes_when_there_is_room():
    async def check(a, b):
        fill(a)
        log = []
        task = bide.spawn(_note(bide.wait_writable(a), log, "a"))
        await settle()
        assert log == []
        drain(b)
        await task

    with_pair(check)


def test_readiness_in_both_directions_at_once():
    async def check(a, b):
        fill(a)
        log = []
        reader = bide.spawn(_note(bide.wait_readable(a), log, "r"))
        writer = bide.spawn(_note(bide.wait_writable(a), log, "w"))
        await settle()
        b.send(b"x")
        await reader
        await settle()
        assert log == ["r"]
        drain(b)
        await writer
        assert log == ["r", "w"]

    with_pair(check)


def test_readiness_wakes_all_waiters_in_order():
    async def check(a, b):
        log = []
        tasks = [bide.spawn(_note(bide.wait_readable(a), log, i))
                 for i in range(3)]
        await settle()
        b.send(b"x")
        await bide.gather(*tasks)
        assert log == [0, 1, 2]

    with_pair(check)


def test_readiness_cancelled_wait_leaves_the_others():
    async def check(a, b):
        log = []
        tasks = [bide.spawn(_note(bide.wait_readable(a), log, i))
                 for i in range(2)]
        await settle()
        tasks[0].cancel()
        await settle()
        b.send(b"x")
        await tasks[1]
        assert log == [1]

    with_pair(check)


def test_readiness_wakes_when_the_peer_hangs_up():
    async def check(a, b):
        fill(a)
        log = []
        tasks = [bide.spawn(_note(bide.wait_readable(a), log, "r")),
                 bide.spawn(_note(bide.wait_writable(a), log, "w"))]
        await settle()
        b.close()
        await bide.gather(*tasks)

    with_pair(check)


def test_readiness_notify_closing_ends_the_waits():
    async def check(a, b):
        fill(a)
        tasks = [bide.spawn(_note(bide.wait_readable(a), [], "r")),
                 bide.spawn(_note(bide.wait_writable(a), [], "w"))]
        await settle()
        bide.notify_closing(a)
        bide.notify_closing(b)
        a.close()
        for task in tasks:
            with pytest.raises(bide.ClosedError, match="was closed"):
                await task

    with_pair(check)
    with pytest.raises(bide.NoRuntimeError):
        bide.notify_closing(0)


def test_readiness_of_a_reused_descriptor_ends_the_old_waits():
    async def check(a, b):
        fd = os.dup(a.fileno())
        old = bide.spawn(_note(bide.wait_readable(fd), [], "old"))
        await settle()
        r, w = os.pipe()
        os.dup2(r, fd)
        log = []
        new = bide.spawn(_note(bide.wait_readable(fd), log, "new"))
        with pytest.raises(bide.ClosedError):
            await old
        os.write(w, b"x")
        await new
        for each in fd, r, w:
            os.close(each)

    with_pair(check)


def test_readiness_of_what_cannot_be_polled_is_an_error():
    async def check(a, b):
        with pytest.raises(PermissionError, match="spawn_blocking"):
            with open(__file__) as file:
                await bide.wait_readable(file)
        with pytest.raises(PermissionError, match="always ready"):
            fd = os.open("/", os.O_RDONLY)
            try:
                await bide.wait_readable(fd)
            finally:
                os.close(fd)
        for wait in bide.wait_readable, bide.wait_writable:
            with pytest.raises(OSError, match="not open") as caught:
                await wait(99999)
            assert caught.value.errno == errno.EBADF
            with pytest.raises(ValueError):
                wait(-1)
            with pytest.raises(TypeError):
                wait("0")
            with pytest.raises(TypeError):
                wait()
        a.close()
        with pytest.raises(ValueError):
            bide.wait_readable(a)

    with_pair(check)


def test_readiness_keeps_the_object_alive():
    async def main():
        a, b = socket.socketpair()
        task = bide.spawn(_note(bide.wait_readable(a), [], "a"))
        del a
        await settle()
        b.send(b"x")
        await task
        b.close()

    run(main())


# -- libraries that do their own I/O ------------------------------------------


class Client:
    """Sends and receives on a plain socket that does not block."""

    def __init__(self, sock):
        sock.setblocking(False)
        self.sock = sock

    async def send_all(self, data):
        view = memoryview(data)
        while view:
            try:
                view = view[self.sock.send(view):]
            except BlockingIOError:
                await bide.wait_writable(self.sock)

    async def recv_exact(self, n):
        data = bytearray()
        while len(data) < n:
            try:
                chunk = self.sock.recv(n - len(data))
            except BlockingIOError:
                await bide.wait_readable(self.sock)
                continue
            if not chunk:
                raise EOFError
            data += chunk
        return bytes(data)


async def _connect(port):
    sock = socket.socket()
    sock.setblocking(False)
    if sock.connect_ex(("127.0.0.1", port)) == errno.EINPROGRESS:
        await bide.wait_writable(sock)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    return sock


async def _echo(stream):
    async for chunk in stream:
        await stream.write(chunk)


async def _talk(port, size):
    with await _connect(port) as sock:
        client = Client(sock)
        data = os.urandom(size)
        sender = bide.spawn(client.send_all(data))
        assert await client.recv_exact(size) == data
        await sender


def test_raw_socket_client():
    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            server = bide.spawn(listener.serve(_echo))
            async with bide.TaskGroup() as group:
                for i in range(5):
                    group.spawn(_talk(listener.port, 300_000 + i))
            listener.close()
            await server

    run(main())


def test_pipe_fed_by_a_thread():
    async def main():
        r, w = os.pipe()

        def feed():
            for i in range(20):
                os.write(w, bytes([i]))
            os.close(w)

        thread = threading.Thread(target=feed)
        thread.start()
        got = b""
        while True:
            await bide.wait_readable(r)
            chunk = os.read(r, 100)
            if not chunk:
                break
            got += chunk
        thread.join()
        os.close(r)
        assert got == bytes(range(20))

    run(main())
