"""httpx and anyio on the loop that anyio is told to make."""

from __future__ import annotations

import asyncio
import sys

import anyio
import anyio.from_thread
import anyio.to_thread
import bide
import httpx
import pytest
from loops import STOCK, new_loop


def run(main):
    async def checked():
        assert STOCK or isinstance(asyncio.get_running_loop(), bide.EventLoop)
        with anyio.fail_after(60):
            return await main()

    return anyio.run(checked, backend_options={"loop_factory": new_loop})


def test_task_groups_and_cancel_scopes():
    async def main():
        seen = []

        async def worker(n):
            try:
                await anyio.sleep(60 if n % 2 else 0)
                seen.append(n)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(0)
                    seen.append(-n)

        async with anyio.create_task_group() as group:
            for n in range(1, 5):
                group.start_soon(worker, n)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        assert sorted(seen) == [-4, -3, -2, -1, 2, 4]
        with anyio.move_on_after(0.01) as scope:
            await anyio.sleep_forever()
        assert scope.cancelled_caught

    run(main)


def test_threads_both_ways():
    async def main():
        async def add(a, b):
            await anyio.sleep(0)
            return a + b

        assert await anyio.to_thread.run_sync(
            lambda: anyio.from_thread.run(add, 20, 22)) == 42

    run(main)


def test_streams_and_memory_channels():
    async def main():
        async def serve(stream):
            async with stream:
                async for data in stream:
                    await stream.send(data[::-1])

        send, receive = anyio.create_memory_object_stream(8)
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = listener.listeners[0].extra(anyio.abc.SocketAttribute.local_port)
        async with listener, anyio.create_task_group() as group:
            group.start_soon(listener.serve, serve)

            async def client(text):
                async with await anyio.connect_tcp("127.0.0.1", port) as s:
                    await s.send(text)
                    await send.send(await s.receive())

            for text in (b"abc", b"def"):
                group.start_soon(client, text)
            got = {await receive.receive(), await receive.receive()}
            assert got == {b"cba", b"fed"}
            group.cancel_scope.cancel()
        send.close()
        receive.close()

    run(main)


def test_processes():
    async def main():
        done = await anyio.run_process(
            [sys.executable, "-c", "print(input()[::-1])"], input=b"hello\n")
        assert done.stdout == b"olleh\n"

    run(main)


@pytest.mark.parametrize("parallel", [1, 50])
def test_httpx_client(parallel):
    async def main():
        async def serve(reader, writer):
            while head := await reader.readline():
                while await reader.readline() != b"\r\n":
                    pass
                path = head.split()[1]
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s"
                             % (len(path), path))
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with httpx.AsyncClient() as client:

            async def ask(n):
                answer = await client.get(f"http://127.0.0.1:{port}/{n}")
                assert answer.text == f"/{n}"

            async with anyio.create_task_group() as group:
                for n in range(parallel):
                    group.start_soon(ask, n)
        server.close()
        await server.wait_closed()

    run(main)
