# A task of asyncio waits for a future that nobody settles.
#
# expect: DeadlockError: every task waits and nothing can wake one
# expect: task ...asker... waits for asyncio future, for ... s, at {A}
import asyncio

import bide


async def ask():
    answer = asyncio.get_running_loop().create_future()
    await answer  # A


async def main():
    await bide.spawn(ask(), name="asker")


bide.run(main())
