# All threads of the pool are with jobs that do not end, and new ones queue up.
#
# env: BIDE_DUMP_SIGNAL=USR1
# signal: USR1
# hangs
# expect: task "request 2" ({A}): parked for ... at {B} in request waits for
#     Future
# expect: job "update" ({B}): running for
# expect: job "update" ({B}): queued for
import threading

import bide

lock = threading.Lock()
begun = []


def update(account):
    begun.append(account)
    with lock:
        pass


async def request(account):  # A
    await bide.spawn_blocking(update, account)  # B


async def main():
    lock.acquire()  # and never released
    async with bide.TaskGroup() as group:
        for i in range(3):
            group.spawn(request(i), name=f"request {i}")
        while len(begun) < 2:
            await bide.sleep(0.01)
        print("ready", flush=True)


bide.run(main(), pool_threads=2)
