# A call for other threads, made on the loop's own.
#
# expect: DeadlockError: recv_blocking() would stop every task of the runtime on
#     this
# expect: line {line A}, in cook
import bide


async def cook(orders):
    return orders.recv_blocking()  # A


async def main():
    orders = bide.Channel(8, name="orders")
    await bide.spawn(cook(orders), name="cook")


bide.run(main())
