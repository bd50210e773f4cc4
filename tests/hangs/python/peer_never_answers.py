# A client waits for an answer that does not come, while the rest goes on.
#
# env: BIDE_DUMP_SIGNAL=USR1
# signal: USR1
# hangs
# expect: task "client" ({A}): parked for ... at {B} in client waits for Stream:
#     read
# expect: task "heartbeat" ({C}): parked for
import bide


async def silent(stream):
    await bide.sleep(3600)


async def client(port):  # A
    async with await bide.connect_tcp("127.0.0.1", port) as stream:
        await stream.write(b"hello\n")
        print("ready", flush=True)
        return await stream.read_line()  # B


async def heartbeat():  # C
    while True:
        await bide.sleep(0.01)


async def main():
    async with await bide.listen_tcp("127.0.0.1", 0) as listener:
        async with bide.TaskGroup() as group:
            group.spawn(listener.serve(silent), name="server")
            group.spawn(heartbeat(), name="heartbeat")
            group.spawn(client(listener.port), name="client")


bide.run(main())
