"""Steps that last, seen while they last: such a step waits in the system for
the report itself, which comes through a pipe in place of standard error."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager

import pytest

import bide
from sweep import until

SOON = 0.02


class Wire:
    """Standard error as a pipe: reading from it waits for the report."""

    def __init__(self, read_end):
        self.read_end = read_end
        self.text = ""

    def wait(self):
        """Blocks the thread until something is reported."""
        self.text += os.read(self.read_end, 65536).decode()


@contextmanager
def wired():
    read_end, write_end = os.pipe()
    saved = os.dup(2)
    os.dup2(write_end, 2)
    os.close(write_end)
    wire = Wire(read_end)
    # A report that never comes ends the wait all the same, and fails the test.
    stop = threading.Timer(30, os.write, (2, b"nothing was reported\n"))
    stop.start()
    try:
        yield wire
    finally:
        stop.cancel()
        stop.join()
        os.dup2(saved, 2)
        os.close(saved)
        os.close(read_end)


def test_watchdog_reports_a_block_while_it_lasts():
    async def main():
        await bide.spawn(blocks(), name="fetch")

    async def blocks():
        wire.wait()

    with wired() as wire:
        bide.run(main(), watchdog=SOON)
    line = blocks.__code__.co_firstlineno
    head, *frames = wire.text.splitlines()
    assert head.startswith(
        f'bide: the loop is blocked: task "fetch" ({__file__}:{line}) has been '
        "running for "
    )
    assert frames[-1] == f'  File "{__file__}", line {line + 1}, in blocks'
    assert frames[0].endswith(", in wait")


def test_watchdog_sees_a_call_that_holds_the_interpreter():
    async def main():
        buffer = ctypes.create_string_buffer(65536)
        n = ctypes.PyDLL(None).read(wire.read_end, buffer, 65536)
        wire.text = buffer.raw[:n].decode()

    with wired() as wire:
        bide.run(main(), watchdog=SOON)
    assert ", in main\n" in wire.text
    assert 'task "main"' in wire.text


@pytest.mark.parametrize("signum", [None, signal.SIGUSR2, 0])
def test_watchdog_works_without_a_signal(signum):
    async def main():
        await bide.spawn(inner())

    async def inner():
        wire.wait()

    with wired() as wire:
        bide.run(main(), watchdog=SOON, watchdog_signal=signum)
    assert ", in inner\n" in wire.text
    assert signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL


def test_watchdog_shows_who_awaits_the_step():
    async def main():
        await outer()

    async def outer():
        await middle()

    async def middle():
        await bide.yield_now()
        wire.wait()

    with wired() as wire:
        bide.run(main(), watchdog=SOON)
    frames = [line.split()[-1] for line in wire.text.splitlines()[1:]]
    assert frames == ["wait", "middle", "outer", "main"]


def test_watchdog_shows_names_in_any_script():
    source = "async def größe():\n    wire.wait()\n"
    space = {}
    exec(compile(source, "\N{SNOWMAN}\N{GRINNING FACE}.py", "exec"), space)
    with wired() as wire:
        space["wire"] = wire
        bide.run(space["größe"](), watchdog=SOON)
    assert '"\N{SNOWMAN}\N{GRINNING FACE}.py", line 2, in größe' in wire.text


def test_watchdog_tells_the_host_afterwards():
    seen = []

    async def main():
        task = bide.spawn(blocks(), name="slow")
        await task
        assert not seen
        await until(lambda: seen)

    async def blocks():
        wire.wait()

    with wired() as wire:
        bide.run(main(), watchdog=SOON, on_blocked=seen.append)
    report = seen[0]
    assert isinstance(report, bide.BlockedStep)
    assert report.task == "slow"
    assert report.site == f"{__file__}:{blocks.__code__.co_firstlineno}"
    assert report.seconds >= SOON
    assert (report.nth, report.missed) == (1, 0)
    assert report.trace in report.text
    assert report.text == wire.text


def test_watchdog_callback_that_raises_is_reported(monkeypatch):
    raised = []
    monkeypatch.setattr(sys, "unraisablehook", raised.append)

    def fails(report):
        raise ValueError("no")

    async def main():
        wire.wait()
        await until(lambda: raised)

    with wired() as wire:
        bide.run(main(), watchdog=SOON, on_blocked=fails)
    assert [str(r.exc_value) for r in raised] == ["no"]


def test_watchdog_is_silent_about_waiting_tasks():
    seen = []

    async def main():
        await bide.sleep(0.1)

    bide.run(main(), watchdog=SOON, on_blocked=seen.append)
    assert not seen


def test_watchdog_is_silent_about_many_short_steps():
    seen = []

    async def main():
        end = bide.now() + 0.1
        while bide.now() < end:
            await bide.yield_now()

    bide.run(main(), watchdog=0.05, on_blocked=seen.append)
    assert not seen


def test_watchdog_leaves_handlers_of_others_alone():
    caught = []
    before = signal.signal(signal.SIGURG, lambda *args: caught.append(args))
    try:

        async def main():
            wire.wait()

        with wired() as wire:
            bide.run(main(), watchdog=SOON)
        assert not caught
        assert ", in main\n" in wire.text
        signal.raise_signal(signal.SIGURG)
        assert caught
    finally:
        signal.signal(signal.SIGURG, before)


def test_watchdog_looks_after_several_runtimes():
    names = [f"runtime-{n}" for n in range(3)]
    seen = {name: [] for name in names}

    def runtime(name):
        async def main():
            await bide.spawn(blocks(), name=name)
            await until(lambda: seen[name])

        async def blocks():
            reported.wait(30)

        bide.run(main(), watchdog=SOON, on_blocked=seen[name].append)

    reported = threading.Event()
    threads = [threading.Thread(target=runtime, args=(n,)) for n in names]
    with wired() as wire:
        for thread in threads:
            thread.start()
        while not all(name in wire.text for name in names):
            wire.wait()
        reported.set()
        for thread in threads:
            thread.join()
    assert all(seen[name][0].task == name for name in names)


@pytest.mark.parametrize(
    "options, error",
    [
        ({"watchdog": 0}, ValueError),
        ({"watchdog": -1}, ValueError),
        ({"watchdog": "x"}, TypeError),
        ({"watchdog_signal": 65}, ValueError),
        ({"watchdog_signal": signal.SIGKILL}, ValueError),
        ({"on_blocked": 3}, TypeError),
    ],
)
def test_watchdog_refuses_bad_options(options, error):
    wait = bide.yield_now()
    with pytest.raises(error):
        bide.run(wait, **options)
    wait.close()


# -- in a process of its own ---------------------------------------------------


def report_of(code, wanted, reports=1, **environment):
    """Runs a program that blocks for ever, until its standard error has so many
    reports and all that is wanted; what it has by then."""
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    stop = threading.Timer(60, child.kill)
    stop.start()
    text = ""
    try:
        for line in child.stderr:
            text += line
            enough = text.count("the loop is blocked") >= reports
            if enough and all(part in text for part in wanted):
                return text
    finally:
        stop.cancel()
        child.kill()
        child.wait()
        child.stderr.close()
    pytest.fail(f"{wanted} not in:\n{text}")


def test_watchdog_is_set_by_the_environment():
    code = """
    import bide, time
    async def main():
        time.sleep(1000)
    bide.run(main())
    """
    for environment in [{"BIDE_WATCHDOG": "20ms"}, {"BIDE_DEBUG": "1"}]:
        report_of(code, ['task "main"', "line 4, in main"], **environment)
    with pytest.raises(ValueError, match="must be a time such as"):
        os.environ["BIDE_WATCHDOG"] = "soon"
        try:
            coro = bide.yield_now()
            bide.run(coro)
        finally:
            del os.environ["BIDE_WATCHDOG"]
            coro.close()


def test_watchdog_sees_a_catastrophic_regex():
    report_of(
        """
        import bide, re
        async def parse():
            re.match(r"(a+)+$", "a" * 60 + "b")
        async def main():
            await bide.spawn(parse(), name="parser")
        bide.run(main(), watchdog=0.02)
        """,
        ['task "parser"', "in match", "line 4, in parse"],
    )


def test_watchdog_sees_a_busy_loop():
    report_of(
        """
        import bide
        async def spin():
            while True: pass
        async def main():
            await spin()
        bide.run(main(), watchdog=0.02)
        """,
        ['task "main"', "line 4, in spin", "line 6, in main"],
    )


def test_watchdog_reports_a_long_block_again_ever_later():
    text = report_of(
        """
        import bide, time
        async def main():
            time.sleep(1000)
        bide.run(main(), watchdog=0.01)
        """,
        [],
        reports=2,
    )
    first, second = map(int, re.findall(r"running for (\d+) ms", text))
    assert first >= 10
    assert second >= 4 * first


@pytest.mark.skipif(sys.version_info < (3, 12), reason="own GILs: 3.12")
def test_watchdog_works_in_a_subinterpreter():
    from test_subinterpreters import HEAD

    report_of(
        HEAD
        + textwrap.dedent(
            '''
            execute(create(), """
            import bide, time
            async def main():
                time.sleep(1000)
            bide.run(main(), watchdog=0.02)
            """)
            '''
        ),
        ['task "main"', "in main"],
    )
