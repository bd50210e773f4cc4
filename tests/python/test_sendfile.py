"""Files sent to streams, plain ones and those of TLS."""

import errno
import os
import resource
import socket
import struct

import pytest

import bide
from descriptors import descriptors
from sweep import cancel_at_every_park, settle
from test_tcp import pair, read_all
from tls_support import pair as tls_pair

BIG = os.urandom(6 << 20)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a"


def with_file(path, content, test, make_pair=pair):
    """Runs `test(a, b, file)`: a file, and the two ends of a connection."""
    path.write_bytes(content)

    async def main():
        a, b = await make_pair()
        async with a, b, await bide.open_file(path, "rb+") as file:
            with bide.timeout(60):
                await test(a, b, file)

    before = descriptors()
    bide.run(main())
    assert descriptors() == before


async def _send(stream, file, *args):
    return await stream.sendfile(file, *args)


async def _write(stream, data):
    await stream.write(data)


def test_sendfile_sends_a_file_or_a_range(path):
    async def test(a, b, file):
        await file.seek(2)
        assert await a.sendfile(file) == 5
        assert await a.sendfile(file, 1, 3) == 3
        assert await a.sendfile(file, offset=3, count=None) == 2
        assert await a.sendfile(file, count=0) == 0
        assert await b.read_exact(10) == b"abcdebcdde"
        assert await file.tell() == 2

    with_file(path, b"abcde", test)


def test_sendfile_ends_where_the_file_ends(path):
    async def test(a, b, file):
        assert await a.sendfile(file, 3, 1 << 40) == 2
        assert await a.sendfile(file, 9) == 0
        assert await a.sendfile(file, 9, 1) == 0
        await a.write(b"x")
        assert await b.read_exact(3) == b"dex"

    with_file(path, b"abcde", test)


def test_sendfile_keeps_its_place_among_writes(path):
    async def test(a, b, file):
        tasks = [bide.spawn(_write(a, b"first" * 1000000))]
        tasks += [bide.spawn(_send(a, file)), bide.spawn(_write(a, b"then"))]
        tasks += [bide.spawn(_send(a, file)), bide.spawn(a.shutdown())]
        await settle()
        assert not any(task.done() for task in tasks)
        got = await read_all(b)
        assert got == b"first" * 1000000 + BIG + b"then" + BIG
        assert [await task for task in tasks] == [
            None, len(BIG), None, len(BIG), None]

    with_file(path, BIG, test)


def test_sendfile_of_what_is_not_in_memory(path):
    async def test(a, b, file):
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        sending = bide.spawn(_send(a, file))
        assert await b.read_exact(len(BIG)) == BIG
        assert await sending == len(BIG)

    with_file(path, BIG, test)


def test_sendfile_of_a_file_that_is_closed_meanwhile(path):
    async def test(a, b, file):
        sending = bide.spawn(_send(a, file))
        await settle()
        await file.close()
        assert not sending.done()
        assert await b.read_exact(len(BIG)) == BIG
        assert await sending == len(BIG)

    with_file(path, BIG, test)


def test_sendfile_cancelled_keeps_the_stream_in_step(path):
    async def test(a, b, file):
        sending = bide.spawn(_send(a, file))
        await settle()
        sending.cancel()
        with pytest.raises(bide.Cancelled):
            await sending
        await file.close()
        writing = bide.spawn(_write(a, b"next"))
        assert await b.read_exact(len(BIG) + 4) == BIG + b"next"
        await writing
        assert a.unsent == 0

    with_file(path, BIG, test)


def test_sendfile_cancelled_in_the_queue_sends_nothing(path):
    async def test(a, b, file):
        writing = bide.spawn(_write(a, BIG))
        sending = bide.spawn(_send(a, file))
        after = bide.spawn(_write(a, b"next"))
        await settle()
        sending.cancel()
        with pytest.raises(bide.Cancelled):
            await sending
        assert await b.read_exact(len(BIG) + 4) == BIG + b"next"
        await writing
        await after

    with_file(path, b"never", test)


def test_sendfile_to_a_stream_that_is_closed(path):
    async def test(a, b, file):
        sending = [bide.spawn(_send(a, file)) for _ in range(2)]
        await settle()
        a.close()
        for task in sending:
            with pytest.raises(bide.StreamClosedError):
                await task
        with pytest.raises(bide.StreamClosedError):
            await a.sendfile(file)

    with_file(path, BIG, test)


def test_sendfile_to_a_peer_that_resets(path):
    path.write_bytes(BIG)

    async def main():
        ours, peer = await pair()
        async with ours, await bide.open_file(path, "rb") as file:
            sending = bide.spawn(_send(ours, file))
            await settle()
            with socket.socket(fileno=os.dup(peer.fileno())) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
            peer.close()
            with pytest.raises(ConnectionError):
                await sending
            with pytest.raises(ConnectionError):
                await ours.sendfile(file)

    bide.run(main())


def test_sendfile_refuses_what_it_cannot_send(path):
    async def test(a, b, file):
        for wrong in (path, open, None):
            with pytest.raises(TypeError, match="must be a bide.File"):
                a.sendfile(wrong)
        async with await bide.open_file(path) as text:
            with pytest.raises(TypeError, match="in a binary mode"):
                a.sendfile(text)
        for name in ("offset", "count"):
            with pytest.raises(ValueError, match=name):
                a.sendfile(file, **{name: -1})
            with pytest.raises(TypeError, match=name):
                a.sendfile(file, **{name: 1.0})
        await file.close()
        with pytest.raises(bide.ClosedError, match=r"the file .* is closed"):
            await a.sendfile(file)
        r, w = os.pipe()
        os.close(w)
        async with await bide.open_file(f"/proc/self/fd/{r}", "rb") as pipe:
            os.close(r)
            with pytest.raises(OSError, match="seek"):
                await a.sendfile(pipe)

    with_file(path, b"abcde", test)


def test_sendfile_without_descriptors_is_an_error(path):
    async def test(a, b, file):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
        try:
            with pytest.raises(OSError) as caught:
                await a.sendfile(file)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert caught.value.errno == errno.EMFILE
        await a.write(b"next")
        assert await b.read_exact(4) == b"next"

    with_file(path, BIG, test)


def test_sendfile_to_a_pipe(path):
    async def pipe():
        r, w = os.pipe()
        return bide.open_fd(w), bide.open_fd(r)

    async def sockets():
        return bide.socketpair()

    async def test(a, b, file):
        sending = bide.spawn(_send(a, file))
        assert await b.read_exact(len(BIG)) == BIG
        assert await sending == len(BIG)

    with_file(path, BIG, test, pipe)
    with_file(path, BIG, test, sockets)


class Talk:
    """A file sent twice by a victim, in order whatever becomes of it."""

    def __init__(self, path):
        self.path = path
        self.got = b""
        self.a, self.b = bide.socketpair()

    def tasks(self):
        return [("reader", self.read()), ("victim", self.send())]

    async def send(self):
        try:
            async with await bide.open_file(self.path, "rb") as file:
                await self.a.sendfile(file)
                await self.a.sendfile(file)
        finally:
            self.a.close()

    async def read(self):
        async with self.b:
            self.got = await read_all(self.b)

    def check(self, outcome):
        assert (BIG + BIG).startswith(self.got)
        assert outcome == "cancelled" or len(self.got) == 2 * len(BIG)


def test_sendfile_cancelled_anywhere(path):
    path.write_bytes(BIG)
    before = descriptors()
    cancel_at_every_park(lambda: Talk(path), (0, 1))
    assert descriptors() == before


# -- Python alone -------------------------------------------------------------


def test_sendfile_over_tls(path):
    async def test(a, b, file):
        sending = bide.spawn(_send(a, file))
        assert await b.read_exact(len(BIG)) == BIG
        assert await sending == len(BIG)
        assert await a.sendfile(file, 1, 3) == 3
        assert await a.sendfile(file, len(BIG) - 2, 100) == 2
        assert await b.read_exact(5) == BIG[1:4] + BIG[-2:]
        with pytest.raises(TypeError, match="binary mode"):
            await a.sendfile(path)
        with pytest.raises(ValueError, match="count"):
            await a.sendfile(file, 0, -1)

    with_file(path, BIG, test, tls_pair)
