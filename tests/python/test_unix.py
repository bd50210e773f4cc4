"""Unix sockets, pairs of streams, streams over descriptors of others."""

import errno
import os
import pathlib
import socket
import stat
import tempfile

import pytest

import bide
from descriptors import open_descriptors
from sweep import settle


@pytest.fixture
def path():
    # Not tmp_path: the path of a socket has to be short.
    with tempfile.TemporaryDirectory() as directory:
        yield os.path.join(directory, "socket")


async def _accept(listener):
    return await listener.accept()


async def _connect(path):
    return await bide.connect_unix(path)


async def connected(path):
    """The two ends of a connection; the listener is closed."""
    async with await bide.listen_unix(path) as listener:
        client = await bide.connect_unix(path)
        return client, await listener.accept()


async def talk(a, b):
    await a.write(b"there")
    await b.write(b"back")
    assert await b.read_exact(5) == b"there"
    assert await a.read() == b"back"
    await a.shutdown()
    assert await b.read() == b""
    await b.write(b"still")
    assert await a.read_exact(5) == b"still"


async def echo(stream):
    async for chunk in stream:
        await stream.write(chunk)


# -- talking ------------------------------------------------------------------


def test_unix_echo(path):
    async def main():
        async with await bide.listen_unix(path) as listener:
            server = bide.spawn(listener.serve(echo))
            async with await bide.connect_unix(pathlib.Path(path)) as stream:
                data = os.urandom(100000)
                writing = bide.spawn(_write(stream, data))
                assert await stream.read_exact(len(data)) == data
                await writing
                with pytest.raises(ValueError):
                    stream.set_nodelay(True)
            server.cancel()
        a, b = await connected(os.fsencode(path))
        async with a, b:
            await talk(a, b)

    bide.run(main())


async def _write(stream, data):
    await stream.write(data)


def test_unix_abstract_name(path):
    name = "@" + path

    async def main():
        async with await bide.listen_unix(name) as listener:
            assert listener.address == name
            async with await bide.connect_unix(name) as a:
                assert a.peer_address == name
                async with await listener.accept() as b:
                    await talk(a, b)
        assert not os.path.exists(name)

    bide.run(main())


def test_unix_addresses_are_told(path):
    async def main():
        async with await bide.listen_unix(path) as listener:
            assert listener.address == path
            assert repr(listener) == f"<Listener on {path}>"
            with pytest.raises(ValueError, match="has no port"):
                listener.port
            async with await bide.connect_unix(path) as a:
                async with await listener.accept() as b:
                    assert a.peer_address == b.address == path
                    assert a.address == b.peer_address == ""
                    assert repr(a) == f"<Stream to {path}>"
                    assert repr(b) == f"<Stream of {path}>"

    bide.run(main())


# -- the file -----------------------------------------------------------------


def test_unix_file_has_the_mode_asked_for(path):
    async def main():
        async with await bide.listen_unix(path, mode=0o622):
            assert stat.S_IMODE(os.lstat(path).st_mode) == 0o622
        for mode in (0o10000, -1, 0):
            with pytest.raises(ValueError, match="mode"):
                await bide.listen_unix(path, mode=mode)
        with pytest.raises(TypeError):
            await bide.listen_unix(path, mode="rw")

    bide.run(main())


def test_unix_file_is_removed_on_close(path):
    async def main():
        async with await bide.listen_unix(path):
            assert stat.S_ISSOCK(os.lstat(path).st_mode)
        assert not os.path.exists(path)
        async with await bide.listen_unix(path):
            os.unlink(path)
            pathlib.Path(path).touch()
        assert os.path.exists(path)

    bide.run(main())


def test_unix_stale_file_is_replaced(path):
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(path)

    async def main():
        with pytest.raises(ConnectionRefusedError):
            await bide.connect_unix(path)
        a, b = await connected(path)
        a.close()
        b.close()

    bide.run(main())


def test_unix_path_in_use_is_an_error(path):
    async def main():
        async with await bide.listen_unix(path):
            with pytest.raises(OSError) as caught:
                await bide.listen_unix(path)
            assert caught.value.errno == errno.EADDRINUSE
            assert path in str(caught.value)
            (await bide.connect_unix(path)).close()
        pathlib.Path(path).write_text("precious")
        with pytest.raises(OSError) as caught:
            await bide.listen_unix(path)
        assert caught.value.errno == errno.EADDRINUSE
        assert pathlib.Path(path).read_text() == "precious"

    bide.run(main())


# -- errors -------------------------------------------------------------------


def test_unix_nobody_there_is_an_error(path):
    async def main():
        with pytest.raises(FileNotFoundError, match="connect_unix.*socket"):
            await bide.connect_unix(path)
        with pytest.raises(ConnectionRefusedError):
            await bide.connect_unix("@" + path)

    bide.run(main())


def test_unix_bad_path_is_an_error(path):
    async def main():
        for bad in ("", "@", b"", "a\0b"):
            with pytest.raises(ValueError):
                await bide.connect_unix(bad)
            with pytest.raises(ValueError):
                await bide.listen_unix(bad)
        with pytest.raises(TypeError):
            await bide.connect_unix(7)
        with pytest.raises(OSError) as caught:
            await bide.connect_unix("x" * 108)
        assert caught.value.errno == errno.ENAMETOOLONG
        with pytest.raises(FileNotFoundError):
            await bide.listen_unix(path + "/none/socket")

    bide.run(main())


def test_unix_needs_a_runtime(path):
    for call in (bide.socketpair, lambda: bide.open_fd(0)):
        with pytest.raises(bide.NoRuntimeError):
            call()


# -- a full backlog, cancelling -----------------------------------------------


def filled(path):
    """A listening socket without room for another connection."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    clients = []
    while True:
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        try:
            client.connect(path)
        except BlockingIOError:
            client.close()
            return listener, clients
        clients.append(client)


def close_all(listener, clients):
    for s in (listener, *clients):
        s.close()


def test_unix_connect_waits_for_a_full_backlog(path):
    listener, clients = filled(path)

    async def main():
        connecting = bide.spawn(_connect(path))
        await bide.sleep(1)
        assert not connecting.done()
        clients.append(listener.accept()[0])
        async with await connecting as stream:
            assert stream.peer_address == path

    bide.run(main(), virtual_clock=True)
    close_all(listener, clients)


def test_unix_cancelled_connect_leaves_nothing(path):
    listener, clients = filled(path)

    async def main():
        before = open_descriptors()
        with bide.move_on_after(1) as scope:
            await bide.connect_unix(path)
        assert scope.cancelled_caught
        assert open_descriptors() == before

    bide.run(main(), virtual_clock=True)
    close_all(listener, clients)


def test_unix_cancelled_accept_loses_no_connection(path):
    async def main():
        async with await bide.listen_unix(path) as listener:
            accepting = bide.spawn(_accept(listener))
            await settle()
            connecting = bide.spawn(_connect(path))
            accepting.cancel()
            with pytest.raises(bide.Cancelled):
                await accepting
            async with await connecting as a, await listener.accept() as b:
                await talk(a, b)

    bide.run(main())


# -- socketpair, open_fd ------------------------------------------------------


def test_socketpair_connects_two_streams():
    async def main():
        a, b = bide.socketpair()
        async with a, b:
            await talk(a, b)
            assert a.address == b.peer_address == ""
            assert repr(a) == f"<Stream over descriptor {a.fileno()}>"
            assert not os.get_inheritable(a.fileno())

    bide.run(main())


def test_open_fd_takes_a_socket():
    async def main():
        ours, peer = socket.socketpair()
        fd = ours.detach()
        with peer:
            async with bide.open_fd(fd) as stream:
                assert stream.fileno() == fd
                peer.sendall(b"hello")
                assert await stream.read() == b"hello"
            assert peer.recv(1) == b""
        with socket.create_server(("127.0.0.1", 0)) as server:
            peer = socket.create_connection(server.getsockname())
            ours, address = server.accept()
        with peer:
            async with bide.open_fd(ours.detach()) as stream:
                assert stream.peer_address == address
                stream.set_nodelay(True)
                await stream.write(b"hello")
                assert peer.recv(9) == b"hello"

    bide.run(main())


def test_open_fd_takes_a_pipe():
    async def main():
        r, w = os.pipe()
        async with bide.open_fd(r) as reading:
            async with bide.open_fd(w) as writing:
                assert repr(writing) == f"<Stream over descriptor {w}>"
                data = os.urandom(300000)
                sending = bide.spawn(_write(writing, data))
                assert await reading.read_exact(len(data)) == data
                await sending
                with pytest.raises(OSError) as caught:
                    reading.address
                assert caught.value.errno == errno.ENOTSOCK
                with pytest.raises(OSError):
                    await writing.read()
            assert await reading.read() == b""

    bide.run(main())


def test_open_fd_of_what_is_no_stream_is_an_error(tmp_path):
    async def main():
        with open(tmp_path / "file", "w") as file:
            with pytest.raises(ValueError, match="neither a pipe nor"):
                bide.open_fd(file.fileno())
            file.write("still open")
        with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            with pytest.raises(ValueError):
                bide.open_fd(datagrams.fileno())
        with socket.create_server(("127.0.0.1", 0)) as server:
            with pytest.raises(OSError) as caught:
                bide.open_fd(server.fileno())
            assert caught.value.errno == errno.ENOTCONN
        for fd in (server.fileno(), -1):
            with pytest.raises(ValueError):
                bide.open_fd(fd)
        with pytest.raises(OSError) as caught:
            bide.open_fd(100000)
        assert caught.value.errno == errno.EBADF
        with pytest.raises(TypeError):
            bide.open_fd("0")

    bide.run(main())
