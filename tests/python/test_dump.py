"""bide.dump(): what every runtime of the process is doing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import bide


def tasks_of(runtime):
    return {task["name"]: task for task in runtime["tasks"]}


async def scene(form):
    mutex = bide.Mutex(name="ledger")

    async def holder():
        async with mutex:
            await bide.sleep(2)

    async def waiter():
        with bide.timeout(60):
            async with mutex:
                pass

    async with bide.TaskGroup() as tg:
        tg.spawn(holder(), name="holder")
        tg.spawn(waiter(), name="waiter")
        await bide.sleep(1)
        return bide.dump(form)


def test_dump_names_tasks_waits_and_owners():
    text = bide.run(scene("text"), virtual_clock=True)
    assert "(Python), running task \"main\"" in text
    assert "task \"waiter\" (test_dump.py:" in text
    assert "waits for Mutex \"ledger\" (made at test_dump.py:" in text
    assert ": lock, held by task \"holder\"" in text
    assert "for 1.000 s at " in text and "test_dump.py:" in text
    assert " in waiter" in text
    assert "in a scope with a deadline in 59.000 s" in text


def test_dump_as_json():
    found = json.loads(bide.run(scene("json"), virtual_clock=True))
    runtime = found["runtimes"][-1]
    assert found["pid"] == os.getpid()
    assert runtime["language"] == "Python" and runtime["exact"] is True
    tasks = tasks_of(runtime)
    (wait,) = tasks["waiter"]["waits"]
    assert wait["verb"] == "lock"
    assert wait["object"]["type"] == "Mutex"
    assert wait["object"]["name"] == "ledger"
    assert wait["object"]["made_at"]["file"] == __file__
    assert wait["holders"] == [tasks["holder"]["id"]]
    assert tasks["waiter"]["parked"] == 1.0
    assert tasks["waiter"]["at"].endswith(" in waiter")
    assert tasks["waiter"]["parent"] == tasks["main"]["id"]
    assert tasks["waiter"]["scopes"][0]["deadline_in"] == 59.0
    (held,) = tasks["holder"]["holds"]
    assert held["object"] == wait["object"] and held["age"] == 1.0
    assert tasks["main"]["state"] == "running"
    with pytest.raises(ValueError, match="'text' or 'json'"):
        bide.dump("xml")


def test_dump_escapes_what_json_cannot_hold():
    async def main():
        task = bide.spawn(bide.sleep(1), name='a"b\\c\n\u20ac')
        await bide.yield_now()
        found = json.loads(bide.dump("json"))
        return task.name in tasks_of(found["runtimes"][-1])

    assert bide.run(main(), virtual_clock=True)


def test_dump_reads_a_blocked_loop():
    blocked, go = threading.Event(), threading.Event()

    async def main():
        async with bide.Mutex(name="ledger"):
            blocked.set()
            go.wait()

    thread = threading.Thread(target=lambda: bide.run(main()))
    thread.start()
    blocked.wait()
    text = bide.dump()
    runtime = json.loads(bide.dump(format="json"))["runtimes"][-1]
    go.set()
    thread.join()
    assert "blocked in task \"main\"" in text
    assert "holds Mutex \"ledger\"" in text
    assert runtime["exact"] is False
    (held,) = tasks_of(runtime)["main"]["holds"]
    assert held["object"]["name"] == "ledger"


BLOCKED = """
import re, sys
import bide
async def parked():
    await bide.Event(name="never").wait()
async def main():
    bide.spawn(parked(), name="parked")
    await bide.yield_now()
    print("blocked", flush=True)
    re.match("(a+)+$", "a" * 60 + "b")      # holds the GIL for years
bide.run(main())
"""


def test_dump_on_signal_while_the_loop_is_blocked():
    env = dict(os.environ, BIDE_DUMP_SIGNAL="usr1")
    child = subprocess.Popen([sys.executable, "-c", BLOCKED], env=env,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True)
    try:
        assert child.stdout.readline() == "blocked\n"
        child.send_signal(signal.SIGUSR1)
        text = ""
        while "read from outside" not in text:
            line = child.stderr.readline()
            assert line, text
            text += line
    finally:
        child.kill()
        child.communicate()
    assert "blocked in task \"main\"" in text
    assert "waits for Event \"never\"" in text


def test_dump_on_signal_refuses_what_cannot_be():
    for bad in (signal.SIGKILL, 0, -1, signal.SIGSEGV):
        with pytest.raises(ValueError, match="dump_on_signal"):
            bide.dump_on_signal(bad)
    with pytest.raises(TypeError):
        bide.dump_on_signal("USR1")
    before = signal.getsignal(signal.SIGUSR2)
    with open(os.devnull, "w") as nowhere:
        bide.dump_on_signal(signal.SIGUSR2, fd=nowhere.fileno())
        bide.dump_on_signal(None)
    assert signal.getsignal(signal.SIGUSR2) == before


def test_dump_in_a_tight_loop_while_tasks_churn():
    dumps = 0
    over = False

    def dump_on():
        nonlocal dumps
        while not over:
            json.loads(bide.dump("json"))
            dumps += 1

    async def short():
        await bide.yield_now()

    async def main():
        nonlocal over
        thread = threading.Thread(target=dump_on)
        thread.start()
        while dumps < 20:
            async with bide.TaskGroup() as tg:
                for i in range(20):
                    tg.spawn(short(), name=f"short-{i}")
        over = True
        await bide.spawn_blocking(thread.join)

    bide.run(main())


def test_dump_names_the_jobs():
    started, go = threading.Event(), threading.Event()

    def resize():
        started.set()
        go.wait()

    async def main():
        job = bide.spawn_blocking(resize)
        while not started.is_set():
            await bide.sleep(0.001)
        text = bide.dump()
        go.set()
        await job
        return text

    text = bide.run(main())
    assert "job \"" in text and "resize" in text and ": running for " in text
    assert "0 runtimes" in bide.dump()


def test_dump_outside_of_any_runtime():
    assert bide.dump().startswith(f"bide {bide.__version__}, process ")
    assert time.monotonic() > 0
