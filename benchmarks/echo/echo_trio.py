"""trio with its streams, and its sockets for datagrams."""

import functools

import trio
from transport import READ_MAX, announce, chosen, context


async def handle(stream):
    try:
        while data := await stream.receive_some(READ_MAX):
            await stream.send_all(data)
    except trio.BrokenResourceError:
        pass


async def serve_datagrams():
    socket = trio.socket.socket(type=trio.socket.SOCK_DGRAM)
    await socket.bind(("127.0.0.1", 0))
    announce(socket.getsockname()[1])
    while True:
        data, address = await socket.recvfrom(READ_MAX)
        await socket.sendto(data, address)


async def listen(kind, argument):
    if kind == "unix":
        socket = trio.socket.socket(trio.socket.AF_UNIX)
        await socket.bind(argument)
        socket.listen(1024)
        return [trio.SocketListener(socket)], 0
    open_listeners = trio.open_tcp_listeners
    if kind == "tls":
        open_listeners = functools.partial(
            trio.open_ssl_over_tcp_listeners,
            ssl_context=context(argument),
            https_compatible=True,
        )
    listeners = await open_listeners(0, host="127.0.0.1", backlog=1024)
    plain = getattr(listeners[0], "transport_listener", listeners[0])
    return listeners, plain.socket.getsockname()[1]


async def main():
    kind, argument = chosen()
    if kind == "udp":
        return await serve_datagrams()
    listeners, port = await listen(kind, argument)
    announce(port)
    await trio.serve_listeners(handle, listeners)


trio.run(main)
