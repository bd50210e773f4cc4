# Two tasks wait for each other's end.
#
# expect: DeadlockError: ... task "Romeo" ({A}) waits for task "Juliet" ({A}),
#     which waits for task "Romeo" ({A})
import bide


async def waits_for(tasks, name):  # A
    await tasks[name]


async def main():
    tasks = {}
    tasks["Juliet"] = bide.spawn(waits_for(tasks, "Romeo"), name="Juliet")
    tasks["Romeo"] = bide.spawn(waits_for(tasks, "Juliet"), name="Romeo")
    await tasks["Romeo"]


bide.run(main())
