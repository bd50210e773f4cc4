# A channel is full, and nobody takes anything out.
#
# expect: DeadlockError: every task waits and nothing can wake one
# expect: task ...waiter... waits for Channel...orders... for ... s, at {A}
import bide


async def waiter(orders):
    for dish in ["soup", "fish", "cake"]:
        await orders.send(dish)  # A


async def main():
    orders = bide.Channel(2, name="orders")
    await bide.spawn(waiter(orders), name="waiter")


bide.run(main())
