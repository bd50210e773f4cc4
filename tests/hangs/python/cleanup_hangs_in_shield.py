# Cleanup waits for ever; the shield around it has a deadline.
#
# expect: line {line A}, in serve
# expect: Cancelled: enough
import bide


async def serve():
    try:
        await bide.sleep(3600)
    finally:
        with bide.shield(grace=0.1):
            await bide.Event(name="flushed").wait()  # A


async def main():
    task = bide.spawn(serve(), name="server")
    await bide.yield_now()
    task.cancel("enough")
    await task


bide.run(main())
