# A condition is waited for and notified without its mutex.
#
# expect: NotOwnerError: task 'main' has to hold the mutex of Condition 'stock'
#     to wait for it
# expect: line {line A}, in main
import bide


async def main():
    changed = bide.Condition(name="stock")
    await changed.wait()  # A


bide.run(main())
