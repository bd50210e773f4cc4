"""Locks held, or waited for, longer than a set time."""

import time

import pytest

import bide


def run(main, limit, **options):
    """The reports of a run."""
    seen = []
    options.setdefault("virtual_clock", True)
    bide.run(main(), slow_lock=limit, on_report=seen.append, **options)
    assert all(report.kind == "slow_lock" for report in seen)
    return seen


async def hold(lock, seconds):
    async with lock:
        await bide.sleep(seconds)


async def go_on(seconds):
    """Moves the time on, a quarter of a second each."""
    for _ in range(seconds * 4):
        await bide.sleep(0.25)


def test_slow_lock_is_reported_while_it_lasts(capfd):
    counters = []

    async def main():
        ledger = bide.Mutex(name="ledger")
        async with bide.TaskGroup() as group:
            group.spawn(hold(ledger, 10), name="audit")
            group.spawn(hold(ledger, 0), name="pay")
            group.spawn(hold(ledger, 0), name="late")
            group.spawn(go_on(9))
        counters.append(bide.stats()["runtimes"][0]["counters"]["slow_locks"])

    first, second, last = run(main, 1)
    assert counters == [3]
    assert (first.held, first.waited, second.held) == (1, 1, 4)
    assert first.lock.startswith('Mutex "ledger" (made at test_slow_lock.py:')
    line = hold.__code__.co_firstlineno
    assert first.holder.startswith(f'task "audit" (test_slow_lock.py:{line}) at ')
    assert first.holder.endswith(f"test_slow_lock.py:{line + 2} in hold")
    assert first.waiter.startswith(f'task "pay" (test_slow_lock.py:{line}) at ')
    assert first.text == (
        f"bide: a slow lock: {first.lock}, held for 1.000 s by {first.holder}; "
        f"{first.waiter} has waited for 1.000 s, with 1 more behind it\n")
    assert last.holder is None
    assert last.text.endswith(" gets after a wait of 10.000 s\n")
    assert capfd.readouterr().err == first.text + second.text + last.text


def test_slow_wait_for_a_lock_is_reported():
    async def main():
        lock = bide.Mutex()
        async with bide.TaskGroup() as group:
            for name in "abcd":
                group.spawn(hold(lock, 1), name=name)
            group.spawn(go_on(5))

    (report,) = run(main, 2.5)
    assert report.held <= 1
    assert report.waited >= 2.5
    assert report.waiter.startswith('task "d" ')


def test_slow_read_locks_and_permits_are_reported():
    async def read(table):
        async with table.read():
            await bide.sleep(2)

    async def write(table):
        async with table.write():
            pass

    async def main():
        table, gate = bide.RwLock(name="table"), bide.Semaphore(1, name="gate")
        async with bide.TaskGroup() as group:
            group.spawn(read(table), name="reader")
            group.spawn(write(table), name="writer")
            group.spawn(hold(gate, 2), name="keeper")
            group.spawn(hold(gate, 0), name="guest")
            group.spawn(go_on(1))

    table, gate = run(main, 1)
    assert table.lock.startswith('RwLock "table" ')
    assert table.holder.startswith('task "reader" ')
    assert table.waiter.startswith('task "writer" ')
    assert gate.lock.startswith('Semaphore "gate" ')
    assert gate.holder.startswith('task "keeper" ')
    assert gate.waiter.startswith('task "guest" ')


def test_slow_lock_is_reported_when_it_is_over():
    async def main():
        async with bide.Mutex():
            end = time.monotonic() + 0.003
            while time.monotonic() < end:
                pass

    (report,) = run(main, 0.002, virtual_clock=False)
    assert ", was held for 0.0" in report.text
    assert report.held >= 0.003


def test_slow_lock_reports_are_limited():
    async def main():
        lock = bide.Mutex()
        for _ in range(20):
            await hold(lock, 1)

    seen = run(main, 1)
    assert len(seen) in (9, 10)
    assert seen[8].missed > 0
    assert seen[8].text.endswith(" reports before this left out)\n")


def test_slow_lock_below_the_limit_is_no_report():
    async def main():
        lock = bide.Mutex()
        async with bide.TaskGroup() as group:
            group.spawn(hold(lock, seconds))
            group.spawn(hold(lock, 1))
            group.spawn(go_on(3))

    seconds = 1
    assert run(main, 3) == []
    seconds = 100
    assert run(main, False) == []
    assert run(main, None) == []


def test_slow_lock_does_not_hide_a_stall():
    async def main():
        async with bide.Mutex():
            await bide.Event().wait()

    with pytest.raises(bide.DeadlockError):
        run(main, True, virtual_clock=False)


def test_slow_lock_is_set_by_the_environment(monkeypatch):
    async def main():
        await bide.gather(hold(bide.Mutex(), 3), go_on(2))

    monkeypatch.setenv("BIDE_SLOW_LOCK", "2s")
    assert len(run(main, None)) == 1
    monkeypatch.setenv("BIDE_SLOW_LOCK", "soon")
    coro = main()
    with pytest.raises(ValueError, match="BIDE_SLOW_LOCK"):
        bide.run(coro)
    coro.close()


def test_slow_lock_handler_that_fails_is_reported(monkeypatch):
    seen = []
    monkeypatch.setattr("sys.unraisablehook", lambda hook: seen.append(hook.exc_value))

    async def main():
        await hold(bide.Mutex(), 2)

    def fail(report):
        raise KeyError("handler")

    bide.run(main(), slow_lock=1, on_report=fail, virtual_clock=True)
    assert [type(error) for error in seen] == [KeyError]
