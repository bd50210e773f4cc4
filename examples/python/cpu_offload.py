"""CPU work on other threads while the loop goes on serving.

Work that lets go of the interpreter's lock (hashing, compression, numerics)
runs on several cores at once; other work at least does not stop the loop.
"""

import hashlib
import threading

import bide


def digest(data, rounds):
    return hashlib.pbkdf2_hmac("sha256", data, b"salt", rounds).hex()[:16]


def search(limit):
    """A long computation that notices when nobody waits for it any more."""
    token = bide.current_token()
    for n in range(limit):
        if n % 1000 == 0 and token and token.cancelled:
            return n
    return limit


async def main():
    # Something else that must not stop meanwhile.
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await bide.sleep(0.001)
            ticks += 1

    ticker = bide.spawn(tick(), name="ticker")

    # Four parts at once, each on a thread of the pool.
    parts = [bide.spawn_blocking(digest, b"part %d" % i, 50_000)
             for i in range(4)]
    print([await part for part in parts])
    print("the loop ticked meanwhile:", ticks > 0)
    ticker.cancel()

    # Whoever loses interest cancels; work that looks at its token ends early.
    given_up = threading.Event()

    def job():
        n = search(10**12)
        given_up.set()
        return n

    with bide.move_on_after(0.01):
        await bide.spawn_blocking(job)
    await bide.spawn_blocking(given_up.wait)
    print("the search was given up")

    # An error comes back with the traceback of the thread it was raised in.
    try:
        await bide.spawn_blocking(digest, "not bytes", 1)
    except TypeError as error:
        print("an error over there:", error)


if __name__ == "__main__":
    bide.run(main())
