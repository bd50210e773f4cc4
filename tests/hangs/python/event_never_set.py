# A task waits for an event, which its owner forgot to set.
#
# expect: DeadlockError: every task waits and nothing can wake one
# expect: task ...client... waits for Event...server is up... for ... s, at {A}
import bide


async def client(up):
    await up.wait()  # A


async def server(up):
    await bide.sleep(0.01)


async def main():
    up = bide.Event(name="server is up")
    async with bide.TaskGroup() as group:
        group.spawn(client(up), name="client")
        group.spawn(server(up), name="server")


bide.run(main())
