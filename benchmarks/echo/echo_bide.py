"""bide's own streams."""

import bide


async def handle(stream):
    try:
        while data := await stream.read(65536):
            await stream.write(data)
    except ConnectionError:
        pass


async def main():
    async with await bide.listen_tcp("127.0.0.1", 0) as listener:
        print(listener.port, flush=True)
        await listener.serve(handle)


bide.run(main())
