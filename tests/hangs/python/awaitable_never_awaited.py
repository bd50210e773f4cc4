# An operation without its await: nothing is sent.
#
# expect: {A}: RuntimeWarning: operation Channel.send() was never awaited, made
#     at {A}
import bide


async def main():
    orders = bide.Channel(8, name="orders")
    orders.send("soup")  # A
    await bide.yield_now()


bide.run(main())
