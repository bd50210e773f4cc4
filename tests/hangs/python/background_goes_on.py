# A heartbeat goes on, but it is of the background: nobody is left that could
# wake the others, and the report has it last.
#
# expect: DeadlockError: every task waits and nothing can wake one
# expect: task "main" ({A}) waits for Event "news" (made at {B}): wait, for ... s,
#     at {C} in main task "heartbeat" ({D}), of the background, waits for timer:
#     sleep, for ... s, at {E} in beat
import bide


async def beat():  # D
    while True:
        await bide.sleep(3600)  # E


async def main():  # A
    bide.spawn(beat(), name="heartbeat", background=True)
    news = bide.Event(name="news")  # B
    await news.wait()  # C


bide.run(main())
