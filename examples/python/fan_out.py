"""Fan-out: ask several services at once, keep what came back in time.

A TaskGroup owns the tasks spawned in it: leaving the block waits for them, an
error in one cancels the rest, and a timeout around it cancels them all.
"""

import bide


async def ask(service, delay):
    """Stands for a call over the network."""
    await bide.sleep(delay)
    if service == "broken":
        raise ConnectionError(f"service {service!r} is down")
    return f"{service} answered"


async def ask_all(**services):
    async with bide.TaskGroup() as group:
        tasks = [group.spawn(ask(service, delay), name=service)
                 for service, delay in services.items()]
    return [task.result() for task in tasks]


async def main():
    # All answer.
    print(", ".join(await ask_all(users=0.01, orders=0.02, stock=0.03)))

    # One is too slow: the timeout ends the block and all that is in it.
    try:
        with bide.timeout(0.05):
            await ask_all(users=0.01, slow=60)
    except TimeoutError as error:
        print("with a slow one:", type(error).__name__)

    # One fails: the others are cancelled, and the error comes out here.
    try:
        await ask_all(users=60, broken=0.01)
    except* ConnectionError as group:
        print("with a broken one:", *group.exceptions)

    # The first answer is enough: the others are cancelled.
    print("first:", await bide.race(ask("near", 0.01), ask("far", 60)))


if __name__ == "__main__":
    bide.run(main())
