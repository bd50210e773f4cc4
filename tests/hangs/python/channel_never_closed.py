# The producer is done, but does not say so: the consumer's loop has no end.
#
# expect: DeadlockError: every task waits and nothing can wake one
# expect: task ...main... waits for ...consumer... {B}
# expect: task ...consumer... waits for Channel...numbers... for ... s, at {A}
import bide


async def producer(numbers):
    for i in range(10):
        await numbers.send(i)


async def consumer(numbers):
    async for _ in numbers:  # A
        pass


async def main():
    numbers = bide.Channel(4, name="numbers")
    task = bide.spawn(consumer(numbers), name="consumer")
    await producer(numbers)
    await task  # B


bide.run(main())
