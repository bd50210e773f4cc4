"""Many clients at once against an echo server, with a time limit for all.

    python echo_client.py 127.0.0.1 7000    against a server that runs there
    python echo_client.py                   against one of its own
"""

import sys

import bide

CLIENTS, ROUNDS = 50, 20


async def client(host, port, n):
    async with await bide.connect_tcp(host, port) as stream:
        for i in range(ROUNDS):
            sent = f"client {n}, message {i}\n".encode()
            await stream.write(sent)
            got = await stream.read_exact(len(sent))
            assert got == sent, "the echo differs"
    return ROUNDS


async def all_clients(host, port):
    with bide.timeout(30):  # TimeoutError if they are not done by then
        async with bide.TaskGroup() as group:
            tasks = [group.spawn(client(host, port, n), name=f"client-{n}")
                     for n in range(CLIENTS)]
    print(f"{CLIENTS} clients, {sum(t.result() for t in tasks)} round trips")


async def echo(stream):
    while line := await stream.read_line():
        await stream.write(line)


async def main(args):
    if args:
        await all_clients(args[0], int(args[1]))
        return
    async with await bide.listen_tcp("127.0.0.1", 0) as listener:
        bide.spawn(listener.serve(echo), name="server")
        await all_clients(*listener.address)


if __name__ == "__main__":
    bide.run(main(sys.argv[1:]))
