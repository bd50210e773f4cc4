import os
import sys

import pytest

import bide
from sweep import settle, until


def run(coro):
    return bide.run(coro)


async def echo(stream):
    async for chunk in stream:
        await stream.write(chunk)


async def read_all(stream):
    return b"".join([chunk async for chunk in stream])


def test_tcp_serve_runs_a_task_per_connection():
    async def main():
        tasks = set()

        async def handler(stream):
            tasks.add(bide.current_task())
            await echo(stream)

        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            server = bide.spawn(listener.serve(handler))
            clients = [await bide.connect_tcp(*listener.address)
                       for _ in range(10)]
            for i, client in enumerate(clients):
                await client.write(bytes([i]))
            for i, client in enumerate(clients):
                assert await client.read() == bytes([i])
            assert len(tasks) == 10
            listener.close()
            await settle()
            assert not server.done()
            for client in clients:
                client.close()
            with bide.timeout(60):
                await server

    run(main())


def test_tcp_serve_reports_errors_and_goes_on(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)

    async def main():
        async def handler(stream):
            data = await stream.read()
            if data == b"bad":
                raise ValueError("bad request")
            await stream.write(data)

        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            server = bide.spawn(listener.serve(handler))
            for data, answer in ((b"bad", b""), (b"good", b"good")):
                async with await bide.connect_tcp(*listener.address) as client:
                    await client.write(data)
                    assert await read_all(client) == answer
            server.cancel()

    run(main())
    assert [str(report.exc_value) for report in seen] == ["bad request"]


def test_tcp_serve_cancels_its_handlers():
    async def main():
        began, ended = [], []

        async def handler(stream):
            began.append(stream)
            try:
                await stream.read()
            finally:
                ended.append(stream)

        for by_token in (False, True):
            async with await bide.listen_tcp("127.0.0.1", 0) as listener:
                token = bide.CancelToken()
                server = bide.spawn(listener.serve(handler, token=token))
                clients = [await bide.connect_tcp(*listener.address)
                           for _ in range(3)]
                await until(lambda: len(began) == 3)
                began.clear()
                if by_token:
                    token.cancel()
                    await server
                else:
                    server.cancel()
                    with pytest.raises(bide.Cancelled):
                        await server
                for client in clients:
                    assert await read_all(client) == b""
                    client.close()
        assert len(ended) == 6 and all(s.closed for s in ended)

    run(main())


def test_tcp_serve_limits_its_connections():
    async def main():
        inside = most = 0

        async def handler(stream):
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await stream.read()
            inside -= 1

        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            server = bide.spawn(listener.serve(handler, limit=2))
            clients = [await bide.connect_tcp(*listener.address)
                       for _ in range(6)]
            await until(lambda: inside == 2)
            await settle()
            for client in clients:
                await client.shutdown()
                assert await read_all(client) == b""
                client.close()
            server.cancel()
        assert most == 2

        listener = await bide.listen_tcp("127.0.0.1", 0)
        with pytest.raises(ValueError, match="limit must be at least 1"):
            listener.serve(handler, limit=0)
        with pytest.raises(TypeError, match="handler"):
            listener.serve(3)
        listener.close()

    run(main())


# -- connecting with options --------------------------------------------------


def test_tcp_connect_tells_each_address_that_failed():
    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            port = listener.port
            async with await bide.connect_tcp(
                    "127.0.0.1", port, local=("127.0.0.2", 0)) as stream:
                assert stream.address[0] == "127.0.0.2"
            async with await bide.connect_tcp(
                    "127.0.0.1", port, local=(None, 0), stagger=None):
                pass
            with pytest.raises(OSError):
                await bide.connect_tcp("127.0.0.1", port, local=("::1", 0))
        with pytest.raises(ConnectionRefusedError) as caught:
            await bide.connect_tcp("localhost", port)
        addresses = [host for host, _ in await bide.resolve("localhost")]
        if len(addresses) > 1:
            for host in addresses:
                assert f"{host} port {port}" in str(caught.value)
        for bad in (5, ("127.0.0.1",), "127.0.0.1"):
            with pytest.raises(TypeError, match="tuple of host and port"):
                bide.connect_tcp("h", 1, local=bad)
        with pytest.raises(ValueError, match="numeric address"):
            bide.connect_tcp("h", 1, local=("name", 0))

    bide.run(main())


def test_tcp_abort_resets_the_connection():
    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            client = await bide.connect_tcp("127.0.0.1", listener.port)
            server = await listener.accept()
            client.abort()
            client.abort()
            assert client.closed
            with pytest.raises(ConnectionResetError):
                await server.read()
            server.close()

    bide.run(main())


def test_tcp_keepalive_has_its_probes():
    import socket

    def probes(stream):
        with socket.socket(fileno=os.dup(stream.fileno())) as s:
            return [s.getsockopt(socket.IPPROTO_TCP, name) for name in (
                socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)]

    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            async with await bide.connect_tcp(
                    "127.0.0.1", listener.port, keepalive=(30, 7, 3)) as s:
                assert probes(s) == [30, 7, 3]
                s.set_keepalive((40, 8, 4))
                assert probes(s) == [40, 8, 4]
                for bad in ((1, 2), (0, 1, 1), (1, 0, 1), (1, 1, 0)):
                    with pytest.raises(ValueError):
                        s.set_keepalive(bad)

    bide.run(main())
