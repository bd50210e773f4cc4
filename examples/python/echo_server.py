"""An echo server: a task for each connection.

    python echo_server.py 7000    serves on port 7000 until Ctrl-C
    python echo_server.py         serves a client of its own, and ends
"""

import sys

import bide


async def echo(stream):
    async for chunk in stream:  # ends when the peer does
        await stream.write(chunk)


async def demonstrate(listener):
    async with bide.TaskGroup() as group:
        group.spawn(listener.serve(echo), name="server")
        async with await bide.connect_tcp(*listener.address) as stream:
            for i in range(3):
                await stream.write(b"hello %d\n" % i)
                line = await stream.read_until(b"\n")
                print("the server said:", line.decode().strip())
        listener.close()  # serve() ends when the last connection is over


async def main(port):
    async with await bide.listen_tcp("127.0.0.1", port or 0) as listener:
        print("echo server on {} port {}".format(*listener.address))
        if port:
            await listener.serve(echo)
        else:
            await demonstrate(listener)


if __name__ == "__main__":
    try:
        bide.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else None))
    except KeyboardInterrupt:
        print("stopped")
