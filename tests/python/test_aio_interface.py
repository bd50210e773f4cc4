"""Objects that the loop for asyncio makes have the methods of asyncio's own, with
the same parameters, as the interpreter at hand has them."""

import asyncio
import inspect
import os

import pytest
from aio_net import Recorder, run
from tls_support import client_context, server_context

import bide

CLASSES = (
    asyncio.BaseTransport, asyncio.ReadTransport, asyncio.WriteTransport,
    asyncio.Transport, asyncio.DatagramTransport, asyncio.SubprocessTransport,
    asyncio.AbstractServer, asyncio.Server, asyncio.Handle, asyncio.TimerHandle,
    asyncio.StreamReader, asyncio.StreamWriter, asyncio.StreamReaderProtocol,
    asyncio.Future, asyncio.Task, asyncio.subprocess.Process)


class Greeter(Recorder):
    def connection_made(self, transport):
        super().connection_made(transport)
        transport.write(b"x")


async def talk(made, listen, connect):
    """What a server and its clients have: transports, streams."""
    loop, served = asyncio.get_running_loop(), []

    def serve():
        served.append(Greeter())
        return served[-1]

    server = made["server"] = await loop.create_server(
        serve, "127.0.0.1", 0, **listen)
    address = server.sockets[0].getsockname()
    transport, protocol = await loop.create_connection(Recorder, *address,
                                                       **connect)
    made["transport"] = transport
    reader, writer = await asyncio.open_connection(*address, **connect)
    made["reader"], made["writer"] = reader, writer
    made["reader's protocol"] = writer.transport.get_protocol()
    await protocol.until_data(1)
    await reader.readexactly(1)
    transport.abort()
    writer.transport.abort()
    server.close()
    for protocol in served:
        await protocol.until_event("lost")


async def make_tcp(made):
    await talk(made, {}, {})


async def make_tls(made):
    await talk(made, {"ssl": server_context()},
               {"ssl": client_context(), "server_hostname": "localhost"})


async def make_datagrams(made):
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, ("127.0.0.1", 0))
    made["transport"] = transport
    made["socket"] = transport.get_extra_info("socket")
    transport.abort()


async def make_pipes(made):
    loop = asyncio.get_running_loop()
    reader, writer = (open(fd, mode, 0) for fd, mode in
                      zip(os.pipe(), ("rb", "wb"), strict=True))
    made["reading"], _ = await loop.connect_read_pipe(asyncio.Protocol, reader)
    made["writing"], _ = await loop.connect_write_pipe(asyncio.BaseProtocol,
                                                       writer)
    made["reading"].close()
    made["writing"].close()


async def make_process(made):
    process = made["process"] = await asyncio.create_subprocess_exec(
        "cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    made["transport"] = process._transport
    made["writer"], made["reader"] = process.stdin, process.stdout
    await process.communicate(b"")


async def make_handles(made):
    loop = asyncio.get_running_loop()
    made["handle"] = loop.call_soon(id, None)
    made["timer"] = loop.call_later(3600, id, None)
    made["future"] = loop.create_future()
    made["task"] = loop.create_task(asyncio.sleep(0))
    made["timer"].cancel()
    await made["task"]


MAKERS = (make_tcp, make_tls, make_datagrams, make_pipes, make_process,
          make_handles)


def parameters(method):
    try:
        found = inspect.signature(method).parameters.values()
    except ValueError:  # some of asyncio's own in C say what is no Python
        return method.__text_signature__
    return [(p.name, p.kind, p.default) for p in found]


def surface(thing):
    """Its public methods with their parameters, and its properties."""
    found = {}
    for name in dir(type(thing)):
        attribute = getattr(type(thing), name)
        if name.startswith("_"):
            continue
        if callable(attribute):
            found[name] = parameters(getattr(thing, name))
        elif inspect.isdatadescriptor(attribute):
            found[name] = "a property"
    return found


def classes(thing):
    return [one for one in CLASSES if isinstance(thing, one)]


@pytest.mark.parametrize("make", MAKERS)
def test_objects_have_the_interface_of_asyncio(make):
    made = {"bide": {}, "asyncio": {}}
    for name, things in made.items():
        run(lambda things=things: make(things), name)
    assert made["bide"].keys() == made["asyncio"].keys()
    for what, stock in made["asyncio"].items():
        ours = made["bide"][what]
        assert classes(ours) == classes(stock), what
        wanted, there = surface(stock), surface(ours)
        for name in wanted:
            assert there.get(name) == wanted[name], (what, name)


@pytest.mark.parametrize("secure", [False, True])
def test_arguments_of_transports_and_streams_may_be_keywords(secure):
    async def main():
        loop, heard = asyncio.get_running_loop(), Recorder()
        server = await loop.create_server(
            lambda: heard, "127.0.0.1", 0,
            ssl=server_context() if secure else None)
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname(),
            ssl=client_context() if secure else None,
            server_hostname="localhost" if secure else None)
        transport = writer.transport
        writer.write(data=b"one ")
        transport.write(data=b"two ")
        transport.writelines(list_of_data=[b"three ", b"four"])
        await heard.until_data(18)
        assert heard.data == b"one two three four"
        transport.get_protocol().data_received(data=b"five ")
        reader.feed_data(data=b"six")
        assert await reader.readexactly(n=8) == b"five six"
        with pytest.raises(TypeError, match="data"):
            transport.write()
        with pytest.raises(TypeError, match="dater"):
            transport.write(dater=b"x")
        transport.set_protocol(protocol=(second := Recorder()))
        transport.abort()
        server.close()
        await second.until_event("lost")
        await heard.until_event("lost")

    run(main)


def test_native_task_has_the_interface_of_asyncios():
    async def main():
        return surface(asyncio.current_task())

    there = bide.run(main())
    wanted = surface(_stock_task())
    assert {name: there.get(name) for name in wanted} == wanted


def _stock_task():
    async def main():
        return asyncio.current_task()

    return asyncio.run(main())
