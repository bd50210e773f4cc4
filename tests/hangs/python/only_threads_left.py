# A program of asyncio of which nothing goes on. A thread of it may still call in,
# so it does not end; what everybody waits for is reported all the same.
#
# env: BIDE_STALL=100ms
# hangs
# expect: bide: every task has waited for ... s, and only another thread can wake
#     one: asyncio task "main" waits for asyncio task "worker", at {B} in main
#     asyncio task "worker" waits for asyncio future, at {A} in work
import asyncio
import threading

import bide


async def work(queue):
    while True:
        await queue.get()  # A


async def main():
    asyncio.current_task().set_name("main")
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    await asyncio.create_task(work(asyncio.Queue()), name="worker")  # B


asyncio.run(main(), loop_factory=bide.new_event_loop)
