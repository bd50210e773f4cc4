# A task waits for its own end.
#
# expect: DeadlockError: ... task "ouroboros" ({A}) waits for task "ouroboros"
# expect: line {line B}, in ouroboros
import bide


async def ouroboros():  # A
    await bide.current_task()  # B


async def main():
    await bide.spawn(ouroboros(), name="ouroboros")


bide.run(main())
