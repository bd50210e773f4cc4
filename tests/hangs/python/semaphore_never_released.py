# A connection is taken from a pool and not given back, as an error came between.
#
# expect: DeadlockError: every task waits and nothing can wake one
# expect: task ...second... waits for Semaphore...pool... for ... s, at {A}
import bide


async def query(pool, text):
    await pool.acquire()  # A
    int(text)
    pool.release()


async def main():
    pool = bide.Semaphore(1, name="pool")
    try:
        await bide.spawn(query(pool, "one"), name="first")
    except ValueError:
        pass
    await bide.spawn(query(pool, "2"), name="second")


bide.run(main())
