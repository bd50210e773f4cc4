# A task ends with a permit that it holds.
#
# expect: BrokenError: Semaphore 'pool' is broken: task 'first' ended while
#     holding
# expect: line {line A}, in query
import bide


async def query(pool):
    await pool.__aenter__()  # A


async def main():
    pool = bide.Semaphore(1, name="pool")
    await bide.spawn(query(pool), name="first")
    await bide.spawn(query(pool), name="second")


bide.run(main())
