"""Runs in which nothing goes on, and tasks of the background."""

import asyncio
import threading

import pytest

import bide


def line(function, more=0):
    """Where a function is, or a line of it."""
    return f"test_stall.py:{function.__code__.co_firstlineno + more}"


def stall(main):
    """The report of a run that is stalled."""
    with pytest.raises(bide.DeadlockError) as info:
        bide.run(main(), virtual_clock=True)
    return str(info.value)


# -- reports ---------------------------------------------------------------------

class Scene:
    def __init__(self):
        self.ledger = bide.Mutex(name="ledger")
        self.news = bide.Event(name="news")

    async def audit(self):
        async with self.ledger:
            await bide.sleep(2)
            await self.news.wait()

    async def pay(self):
        while not self.ledger.locked:
            await bide.yield_now()
        async with self.ledger:
            pass

    async def wait(self):
        await self.news.wait()


def test_stall_names_each_task_with_its_wait_and_age():
    async def main():
        scene = Scene()
        bide.spawn(scene.audit(), name="audit")
        await scene.pay()

    text = stall(main)
    assert text.startswith("every task waits and nothing can wake one (ESTALLED):\n")
    assert f'task "audit" ({line(Scene.audit)}) waits for Event "news" (m' in text
    assert ": wait, for 0.000 s, at " in text
    assert f"{line(Scene.audit, 3)} in audit; 1 task waits for it\n" in text
    assert '    holds Mutex "ledger" (made at test_stall.py:' in text
    assert '  task "main" (test_stall.py:' in text
    assert f': lock, held by task "audit" ({line(Scene.audit)}), for 2.0' in text
    assert text.endswith(f"{line(Scene.pay, 3)} in pay")


def test_stall_lists_first_whom_others_wait_for():
    async def main():
        scene = Scene()
        bide.spawn(scene.wait(), name="bystander")
        pay = bide.spawn(scene.pay(), name="pay")
        bide.spawn(scene.audit(), name="audit")
        await pay

    _, *lines = stall(main).splitlines()
    names = [line.split('"')[1] for line in lines if line.startswith("  task")]
    assert names == ["audit", "pay", "main", "bystander"]
    assert lines[0].endswith("; 2 tasks wait for it")
    assert lines[1].startswith("    holds Mutex")


def test_stall_list_is_cut_with_a_count():
    async def main():
        scene = Scene()
        async with bide.TaskGroup() as group:
            for _ in range(60):
                group.spawn(scene.wait())

    lines = stall(main).splitlines()
    assert len(lines) == 52
    assert lines[-1] == "  and 11 more"


def test_stall_names_futures_and_tasks_of_asyncio():
    async def ask():
        await asyncio.get_running_loop().create_future()

    async def main():
        asking = asyncio.create_task(ask(), name="asker")
        bide.spawn(answer(), name="answerer")
        await asking

    async def answer():
        await bide.Future(name="never")

    text = stall(main)
    assert 'waits for Future "never": await, for ' in text
    assert '  asyncio task "asker" waits for asyncio future, at ' in text
    assert f"{line(ask, 1)} in ask" in text


def test_stall_with_live_threads_is_reported_without_an_end(capfd):
    seen, over = [], threading.Event()
    thread = threading.Thread(target=over.wait)

    async def main():
        news = bide.Event(name="news")

        def told(report):
            seen.append(report)
            news.set()

        hooks.append(told)
        await news.wait()

    hooks = []
    thread.start()
    try:
        bide.run(main(), stall=0.02, on_report=lambda report: hooks[0](report))
    finally:
        over.set()
        thread.join()
    (report,) = seen
    assert isinstance(report, bide.Report)
    assert (report.kind, report.lock, report.holder) == ("stall", None, None)
    assert report.waited >= 0.02
    assert report.text.startswith("bide: every task has waited for ")
    assert 's, and only another thread can wake one:\n  task "main" ' in report.text
    assert 'waits for Event "news" (made at test_stall.py:' in report.text
    assert capfd.readouterr().err == report.text


def test_stall_of_asyncio_is_reported_without_an_end(capfd):
    async def wait(event):
        await event.wait()

    async def main():
        loop = asyncio.get_running_loop()
        event = asyncio.Event()
        thread = threading.Thread(target=watch, args=(loop, event))
        thread.start()
        await asyncio.create_task(wait(event), name="waiter")
        thread.join()

    def watch(loop, event):
        text = ""
        while "asyncio task" not in text:
            text += capfd.readouterr().err
        seen.append(text)
        loop.call_soon_threadsafe(event.set)

    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIDE_STALL", "20ms")
        with asyncio.Runner(loop_factory=bide.new_event_loop) as runner:
            runner.run(main())
    assert "bide: every task has waited for " in seen[0]
    assert 'asyncio task "waiter" waits for asyncio future, at ' in seen[0]
    assert f"{line(wait, 1)} in wait\n" in seen[0]


def test_stall_options_are_checked(monkeypatch):
    async def main():
        pass

    for options, error in [
        ({"stall": 0}, ValueError),
        ({"stall": "soon"}, TypeError),
        ({"slow_lock": -1}, ValueError),
        ({"on_report": 3}, TypeError),
    ]:
        coro = main()
        with pytest.raises(error, match=next(iter(options))):
            bide.run(coro, **options)
        coro.close()
    monkeypatch.setenv("BIDE_STALL", "soon")
    coro = main()
    with pytest.raises(ValueError, match="BIDE_STALL must be a time such as"):
        bide.run(coro)
    coro.close()


# -- of the background -----------------------------------------------------------

async def beat(log):
    try:
        while True:
            await bide.sleep(1)
    finally:
        log.append("cancelled")


def test_background_task_does_not_keep_the_run():
    log = []

    async def main():
        bide.spawn(beat(log), background=True)
        await bide.sleep(3)
        log.append("slept")

    bide.run(main(), virtual_clock=True)
    assert log == ["slept", "cancelled"]


def test_background_task_does_not_hide_a_stall():
    async def tick():
        async for _ in bide.interval(1):
            pass

    async def guard(event):
        with bide.timeout(60):
            await event.wait()

    async def main():
        never = bide.Event(name="never")
        bide.spawn(beat(log), name="heart", background=True)
        bide.spawn(tick(), name="clock", background=True)
        bide.spawn(guard(never), name="guard", background=True)
        await never.wait()

    log = []
    lines = stall(main).splitlines()
    assert lines[1].startswith('  task "main" ')
    for line, name in zip(lines[2:], ["heart", "clock", "guard"], strict=True):
        assert line.startswith(f'  task "{name}" ')
        assert ", of the background, waits for " in line
    assert log == ["cancelled"]


def test_background_task_on_io_does_not_hide_a_stall():
    async def main():
        async with await bide.listen_tcp("127.0.0.1", 0) as listener:
            bide.spawn(listener.serve(serve), name="server", background=True)
            await bide.Event().wait()

    async def serve(stream):
        pass

    with pytest.raises(bide.DeadlockError, match='task "server" .*background'):
        bide.run(main())


def test_background_covers_what_is_started_below_it():
    async def parent():
        async with bide.TaskGroup() as group:
            group.spawn(beat([]), name="child")

    async def main():
        bide.spawn(parent(), name="parent", background=True)
        await bide.Event().wait()

    text = stall(main)
    assert 'task "child" ' in text
    assert text.count(", of the background, waits for ") == 2


def test_background_members_end_when_the_others_have():
    log = []

    async def work():
        await bide.sleep(3)
        log.append("worked")

    async def main():
        async with bide.TaskGroup() as group:
            group.spawn(beat(log), background=True)
            group.spawn(work())
        log.append("left")
        async with bide.TaskGroup() as group:
            group.spawn(beat(log), background=True)
            await bide.yield_now()
        log.append("left")

    bide.run(main(), virtual_clock=True)
    assert log == ["worked", "cancelled", "left", "cancelled", "left"]


def test_background_member_that_fails_fails_its_group():
    async def fail():
        raise ValueError("heart")

    async def main():
        async with bide.TaskGroup() as group:
            group.spawn(fail(), background=True)
            await bide.sleep(1)

    with pytest.raises(ExceptionGroup) as info:
        bide.run(main(), virtual_clock=True)
    assert str(info.value.exceptions[0]) == "heart"
