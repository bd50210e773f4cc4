"""bide's own streams and datagrams."""

import bide
from transport import announce, chosen, context


async def handle(stream):
    try:
        while data := await stream.read(65536):
            await stream.write(data)
    except ConnectionError:
        pass


async def serve_datagrams():
    async with await bide.bind_udp("127.0.0.1", 0) as socket:
        announce(socket.port)
        while True:
            await socket.send_many(await socket.recv_many())


async def listen(kind, argument):
    if kind == "unix":
        return await bide.listen_unix(argument)
    if kind == "tls":
        return await bide.listen_tls("127.0.0.1", 0, ssl=context(argument))
    return await bide.listen_tcp("127.0.0.1", 0)


async def main():
    kind, argument = chosen()
    if kind == "udp":
        return await serve_datagrams()
    async with await listen(kind, argument) as listener:
        announce(0 if kind == "unix" else listener.port)
        await listener.serve(handle)


bide.run(main())
