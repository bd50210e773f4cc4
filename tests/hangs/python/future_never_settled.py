# A task waits for an answer; who should give it forgot to.
#
# expect: DeadlockError: every task waits and nothing can wake one
# expect: task ...asker... waits for Future...answer... for ... s, at {A}
import bide


async def ask(answer):
    return await answer  # A


async def main():
    answer = bide.Future(name="answer")
    await bide.spawn(ask(answer), name="asker")


bide.run(main())
