"""asyncio with its streams; `--protocol`: with a bare protocol, no coroutine
per message; `--loop bide|uvloop`: on another loop."""

import asyncio
import importlib
import sys

from transport import READ_MAX, announce, chosen, context


async def handle(reader, writer):
    try:
        while data := await reader.read(READ_MAX):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    # A slow reader must not make the buffer grow without end.
    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


class EchoDatagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data, address)


async def serve_datagrams():
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        EchoDatagrams, ("127.0.0.1", 0)
    )
    announce(transport.get_extra_info("sockname")[1])
    await asyncio.Event().wait()


async def serve(kind, argument):
    loop = asyncio.get_running_loop()
    plain = "--protocol" in sys.argv
    how = {"backlog": 1024}
    if kind == "tls":
        how["ssl"] = context(argument)
    if kind == "unix":
        start = loop.create_unix_server if plain else asyncio.start_unix_server
        server = await start(Echo if plain else handle, argument, **how)
        announce(0)
    else:
        start = loop.create_server if plain else asyncio.start_server
        what = Echo if plain else handle
        server = await start(what, "127.0.0.1", 0, **how)
        announce(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def new_loop():
    if "--loop" not in sys.argv:
        return asyncio.new_event_loop
    name = sys.argv[sys.argv.index("--loop") + 1]
    return importlib.import_module(name).new_event_loop


kind, argument = chosen()
main = serve_datagrams() if kind == "udp" else serve(kind, argument)
with asyncio.Runner(loop_factory=new_loop()) as runner:
    runner.run(main)
