# A task waits for orders, but none that could send any is left.
#
# expect: DeadlockError: every task waits and nothing can wake one
# expect: task ...cook... waits for Channel...orders... for ... s, at {A}
import bide


async def cook(orders):
    while True:
        await orders.recv()  # A


async def waiter(orders):
    await orders.send("soup")


async def main():
    orders = bide.Channel(8, name="orders")
    async with bide.TaskGroup() as group:
        group.spawn(cook(orders), name="cook")
        group.spawn(waiter(orders), name="waiter")


bide.run(main())
