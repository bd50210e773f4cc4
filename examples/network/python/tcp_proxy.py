"""A TCP proxy: what arrives here goes there, and back.

    python tcp_proxy.py [--listen 127.0.0.1:8000] HOST:PORT

Each direction ends by itself, as TCP's do: when one side has no more to say,
the other is told so and may go on talking. Back-pressure needs no code: the
next read waits for the last write. SIGINT or SIGTERM ends it, after the
connections there are or ten seconds.
"""

import argparse
import signal

import bide


class Proxy:
    def __init__(self, host, port):
        self.host = host
        self.port = port
        self.carried = 0

    async def pump(self, source, target):
        async for data in source:
            await target.write(data)
            self.carried += len(data)
        await target.shutdown()

    async def handle(self, client):
        try:
            server = await bide.connect_tcp(self.host, self.port)
        except OSError as error:
            print(f"no connection to {self.host}:{self.port}: {error}",
                  flush=True)
            return
        async with server:
            try:
                await bide.gather(self.pump(client, server),
                                  self.pump(server, client))
            except OSError:
                pass  # one side is gone: leaving closes the other


def address(text):
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise argparse.ArgumentTypeError(f"HOST:PORT, not {text!r}")
    return host.strip("[]") or "127.0.0.1", int(port)


async def main(options):
    proxy = Proxy(*options.target)
    async with await bide.listen_tcp(*options.listen) as listener:
        print("proxy on {}:{}".format(*listener.address), flush=True)
        await listener.serve(proxy.handle, drain=10,
                             signals=(signal.SIGINT, signal.SIGTERM))
    print(f"carried {proxy.carried} bytes")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="a TCP proxy")
    options.add_argument("target", type=address, metavar="HOST:PORT")
    options.add_argument("--listen", type=address, metavar="HOST:PORT",
                         default=("127.0.0.1", 8000))
    bide.run(main(options.parse_args()))
