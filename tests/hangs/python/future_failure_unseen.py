# A future is settled with an error that nobody awaits.
#
# expect: Exception ignored in ... 'answer'
# expect: KeyError: 'no such question'
import bide


async def main():
    answer = bide.Future(name="answer")
    answer.set_exception(KeyError("no such question"))
    await bide.yield_now()


bide.run(main())
