"""grpc.aio: unary and streaming calls, without generated code."""

from __future__ import annotations

import asyncio

import grpc
import pytest


def handlers(grpc_aio_handlers):
    return grpc.method_handlers_generic_handler("test.Echo", grpc_aio_handlers)


async def upper(request, _context):
    return request.upper()


async def count(request, _context):
    for n in range(int(request)):
        yield b"%d" % n


async def slow(_request, _context):
    await asyncio.sleep(60)


async def chat(requests, _context):
    async for request in requests:
        yield request[::-1]


async def serving():
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handlers({
        "Upper": grpc.unary_unary_rpc_method_handler(upper),
        "Slow": grpc.unary_unary_rpc_method_handler(slow),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
    }),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, f"127.0.0.1:{port}"


def test_calls_and_streams(run):
    async def main():
        server, address = await serving()
        async with grpc.aio.insecure_channel(address) as channel:
            ask = channel.unary_unary("/test.Echo/Upper")
            answers = await asyncio.gather(*(
                ask(b"call %d" % n) for n in range(100)))
            assert answers == [b"CALL %d" % n for n in range(100)]
            stream = channel.unary_stream("/test.Echo/Count")(b"50")
            assert [int(n) async for n in stream] == list(range(50))
            talk = channel.stream_stream("/test.Echo/Chat")()
            for word in (b"abc", b"def"):
                await talk.write(word)
                assert await talk.read() == word[::-1]
            await talk.done_writing()
        await server.stop(None)

    run(main())


def test_deadline_and_cancel(run):
    async def main():
        server, address = await serving()
        async with grpc.aio.insecure_channel(address) as channel:
            ask = channel.unary_unary("/test.Echo/Slow")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await ask(b"", timeout=0.2)
            assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
            call = asyncio.ensure_future(ask(b""))
            await asyncio.sleep(0.05)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        await server.stop(None)

    run(main())
