"""A process supervisor: keeps programs running, restarts them with a growing
pause when they fail, hands SIGHUP on to them, and ends them all gracefully at
SIGINT or SIGTERM.

    python supervisor.py programs.json      {"web": ["python", "-m", "..."], ...}
    python supervisor.py                    a demonstration, which ends by itself

Each program is a task; leaving a process' block stops the program (SIGTERM, then
SIGKILL when its grace is over) and reaps it, whatever the reason.
"""

import json
import signal
import sys

import bide

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
HEALTHY = 10.0  # a program that ran so long begins with the first pause again
GRACE = 5.0

DEMONSTRATION = {
    "steady": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"],
    "flaky": ["sh", "-c", "echo cannot reach the database >&2; exit 1"],
}


def say(name, what):
    print(f"{name}: {what}", flush=True)


async def keep(name, command, running):
    """Runs one program for ever; ends when it is cancelled."""
    pause = FIRST_PAUSE
    while True:
        started = bide.now()
        try:
            async with await bide.open_process(
                command,
                stdin=bide.DEVNULL,
                stdout=bide.PIPE,
                stderr=bide.STDOUT,
                new_group=True,
                grace=GRACE,
            ) as process:
                say(name, "started")
                running[name] = process
                async for line in lines(process.stdout):
                    say(name, "| " + line)
                code = await process.wait()
            say(name, f"ended with {code}")
        except OSError as error:
            say(name, f"cannot be started: {error}")
        finally:
            running.pop(name, None)
        if bide.now() - started > HEALTHY:
            pause = FIRST_PAUSE
        await bide.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def lines(stream):
    while line := await stream.read_line():
        yield line.decode(errors="replace").rstrip("\n")


async def hand_on(caught, running):
    """Until it is time to go. Another Ctrl-C while they end is Python's."""
    async for signum in caught:
        if signum != signal.SIGHUP:
            say("supervisor", f"{signal.Signals(signum).name}, stopping")
            return
        for process in running.values():
            process.send_signal(signum)


async def supervise(programs):
    running: dict[str, bide.Process] = {}
    with bide.signals(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as caught:
        async with bide.TaskGroup() as group:
            tasks = [
                group.spawn(keep(name, command, running), name=name)
                for name, command in programs.items()
            ]
            await hand_on(caught, running)
            for task in tasks:
                task.cancel()
    say("supervisor", "all have ended")


async def demonstrate():
    async with bide.TaskGroup() as group:
        group.spawn(supervise(DEMONSTRATION))
        await bide.sleep(1)
        signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with open(sys.argv[1]) as file:
            bide.run(supervise(json.load(file)))
    else:
        bide.run(demonstrate())
