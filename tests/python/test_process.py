"""Child processes: starting them, talking to them, ending them."""

import asyncio
import errno
import os
import resource
import signal
import subprocess
import threading
import time

import pytest

import bide
from bide import DEVNULL, PIPE, PTY, STDOUT
from descriptors import open_descriptors
from sweep import cancel_at_every_park, settle


def run(coro):
    async def bounded():
        with bide.timeout(60):
            return await coro

    result = bide.run(bounded())
    assert not has_children()
    return result


def has_children():
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


async def read_all(stream):
    return b"".join([chunk async for chunk in stream])


async def output_of(command, **options):
    """What the child says on stdout, and how it ends."""
    async with await bide.open_process(
        command, stdout=PIPE, **options
    ) as process:
        said = await read_all(process.stdout)
        return said, await process.wait()


# -- its end ------------------------------------------------------------------


def test_process_gives_its_exit_code():
    async def main():
        process = await bide.open_process("exit 3", shell=True)
        assert process.pid > 0 and process.args == "exit 3"
        assert process.stdin is process.stdout is process.stderr is None
        assert await process.wait() == process.returncode == 3
        assert await process.wait() == 3
        process = await bide.open_process(["sh", "-c", "kill -9 $$"])
        assert await process.wait() == -signal.SIGKILL
        assert str(process.pid) in repr(process)

    run(main())


def test_process_several_tasks_wait():
    async def main():
        process = await bide.open_process(["cat"], stdin=PIPE)
        tasks = [bide.spawn(_wait(process)) for _ in range(3)]
        await settle()
        assert process.returncode is None
        tasks[1].cancel()
        await settle()
        process.stdin.close()
        assert [await tasks[0], await tasks[2]] == [0, 0]
        assert tasks[1].cancelled()

    run(main())


async def _wait(process):
    return await process.wait()


def test_process_signal_after_its_end_does_nothing():
    async def main():
        process = await bide.open_process(["true"])
        while process.returncode is None:  # without a turn of the loop
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        process.terminate()
        process.kill()
        process.stop()
        with pytest.raises(ValueError, match="new_group"):
            process.send_signal(signal.SIGTERM, group=True)
        process.close()
        with pytest.raises(bide.ClosedError):
            await process.wait()

    run(main())


# -- pipes --------------------------------------------------------------------


def test_process_talks_through_pipes():
    async def main():
        data = os.urandom(1 << 20)
        async with await bide.open_process(
            ["cat"], stdin=PIPE, stdout=PIPE
        ) as process:

            async def write():
                await process.stdin.write(data)
                process.stdin.close()

            bide.spawn(write())
            assert await read_all(process.stdout) == data
            assert await process.wait() == 0

    run(main())


def test_process_stderr_goes_to_stdout():
    script = "echo one; echo two >&2"
    said = run(output_of(script, shell=True, stderr=STDOUT))
    assert said == (b"one\ntwo\n", 0)
    assert run(output_of(script, shell=True, stderr=DEVNULL))[0] == b"one\n"


def test_process_that_closes_its_input_is_an_error():
    async def main():
        async with await bide.open_process(
            "exec <&-; echo; exec sleep 60", shell=True, stdin=PIPE, stdout=PIPE
        ) as process:
            await process.stdout.read()
            with pytest.raises(BrokenPipeError):
                await process.stdin.write(b"x")
        assert process.returncode == -signal.SIGKILL

    run(main())


def test_process_takes_a_stream_over():
    async def main():
        ours, theirs = bide.socketpair()
        async with await bide.open_process(
            ["cat"], stdin=theirs, stdout=theirs
        ) as process:
            assert theirs.closed
            await ours.write(b"hello")
            assert await ours.read_exact(5) == b"hello"
            await ours.shutdown()
            assert await process.wait() == 0
        ours.close()
        ours, theirs = bide.socketpair()
        await ours.write(b"too early")
        assert await theirs.read(3) == b"too"
        with pytest.raises(bide.BusyError, match="read ahead"):
            await bide.open_process(["cat"], stdin=theirs)
        assert not theirs.closed
        ours.close()
        theirs.close()

    run(main())


# -- how it is started --------------------------------------------------------


def test_process_that_cannot_be_started_is_an_error():
    async def main():
        for command, options, error, filename in (
            (["bide-no-such-program"], {}, FileNotFoundError, "bide-no"),
            (["/bide/nowhere"], {}, FileNotFoundError, "/bide/nowhere"),
            (["/etc/passwd"], {}, PermissionError, "/etc/passwd"),
            (["x"], {"executable": "/bide"}, FileNotFoundError, "/bide"),
            (["true"], {"cwd": "/bide"}, FileNotFoundError, "/bide"),
        ):
            with pytest.raises(error) as caught:
                await bide.open_process(command, **options)
            assert caught.value.filename.startswith(filename)
        with pytest.raises(OSError, match="descriptors"):
            await bide.open_process(["true"], stdin=999)

    run(main())


def test_process_bad_arguments_are_named():
    async def main():
        for error, match, command, options in (
            (TypeError, "shell=True", "ls", {}),
            (TypeError, "one string", ["ls"], {"shell": True}),
            (ValueError, "name of a program", [], {}),
            (TypeError, "each part of command", ["ls", 1], {}),
            (ValueError, "NUL", ["l\0s"], {}),
            (TypeError, "cwd", ["ls"], {"cwd": 1}),
            (ValueError, "name in env", ["ls"], {"env": {"A=B": "x"}}),
            (TypeError, "value in env", ["ls"], {"env": {"A": 1}}),
            (TypeError, "stdin", ["ls"], {"stdin": "pipe"}),
            (ValueError, "stdout", ["ls"], {"stdout": STDOUT}),
            (ValueError, "fds", ["ls"], {"fds": {1: 0}}),
            (ValueError, "umask", ["ls"], {"umask": 0o1000}),
            (ValueError, "user", ["ls"], {"user": -1}),
        ):
            with pytest.raises(error, match=match):
                await bide.open_process(command, **options)

    run(main())


def test_process_has_the_environment_and_directory_asked_for(monkeypatch):
    monkeypatch.setenv("BIDE_TEST_GONE", "x")
    monkeypatch.setenv("BIDE_TEST_STAYS", "y")
    script = "pwd; echo $A$BIDE_TEST_GONE$BIDE_TEST_STAYS; umask"
    options = {"shell": True, "cwd": "/", "umask": 0o27}
    said = run(output_of(script, env={"A": "1"}, **options))
    assert said == (b"/\n1\n0027\n", 0)
    extra = {"A": "2", "BIDE_TEST_GONE": None}
    said = run(output_of(script, extra_env=extra, **options))
    assert said == (b"/\n2y\n0027\n", 0)
    said = run(output_of(script, env={"A": "1"}, extra_env=extra, **options))
    assert said == (b"/\n2\n0027\n", 0)


def test_process_gets_no_other_descriptors():
    fd = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(fd, True)
    try:
        assert run(output_of(["ls", "/proc/self/fd"]))[0].split() == [
            b"0", b"1", b"2", b"3",
        ]
    finally:
        os.close(fd)


def test_process_gets_the_descriptors_mapped():
    reader, writer = os.pipe()
    # The numbers cross over.
    script = f"echo there >/dev/fd/{reader}"
    fds = {reader: writer, writer: reader}
    assert run(output_of(script, shell=True, fds=fds)) == (b"", 0)
    assert os.read(reader, 9) == b"there\n"
    os.close(reader)
    os.close(writer)


def test_process_signals_are_at_their_defaults():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        # A sanitizer loaded into cat would bring handlers of its own.
        command = ["env", "-u", "LD_PRELOAD", "cat", "/proc/self/status"]
        text = run(output_of(command))[0].decode()
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
    masks = dict(line.split(":\t") for line in text.splitlines()
                 if line.startswith("Sig"))
    assert int(masks["SigBlk"], 16) == int(masks["SigCgt"], 16) == 0
    # What we were told to ignore stays so, SIGPIPE and SIGXFSZ do not.
    assert int(masks["SigIgn"], 16) & 0x1001001 == 1


# -- terminals ----------------------------------------------------------------


def test_process_on_a_terminal():
    async def main():
        script = (
            "stty -echo -onlcr; stty size; read line </dev/tty; echo got $line"
        )
        async with await bide.open_process(
            script, shell=True, stdin=PTY, stdout=PTY, stderr=PTY, size=(30, 90)
        ) as process:
            assert process.stdin is process.stderr
            assert await process.stdout.read_line() == b"30 90\n"
            await process.stdin.write(b"this\n")
            assert await read_all(process.stdout) == b"got this\n"
            assert await process.wait() == 0

    run(main())


# -- ending -------------------------------------------------------------------


def test_process_stop_kills_after_the_grace():
    script = "trap '' TERM; echo; exec sleep 60"

    async def main():
        start = None
        async with await bide.open_process(
            script, shell=True, stdout=PIPE, new_group=True, grace=0.06
        ) as process:
            await process.stdout.read()
            start = bide.now()
        assert process.returncode == -signal.SIGKILL
        assert 0.06 <= bide.now() - start < 10
        process = await bide.open_process(["sleep", "60"])
        process.stop(grace=60)
        assert await process.wait() == -signal.SIGTERM

    run(main())


def test_process_group_ends_with_it():
    async def main():
        process = await bide.open_process(
            "sleep 60 & echo; wait", shell=True, stdout=PIPE, new_session=True
        )
        await process.stdout.read()
        process.send_signal(signal.SIGKILL, group=True)
        assert await process.wait() == -signal.SIGKILL
        assert await process.stdout.read() == b""  # the grandchild had it, too

    run(main())


def test_process_leaving_the_block_ends_it():
    async def main():
        async with await bide.open_process(["cat"], stdin=PIPE) as process:
            pass
        assert process.returncode == -signal.SIGKILL
        assert not has_children()
        assert process.stdin.closed

        async def cancelled():
            nonlocal process
            async with await bide.open_process(["sleep", "60"]) as process:
                await process.wait()

        task = bide.spawn(cancelled())
        await settle()
        task.cancel()
        with pytest.raises(bide.Cancelled):
            await task
        assert process.returncode == -signal.SIGKILL

    run(main())


def test_process_dropped_runs_on_and_is_reaped():
    async def main():
        process = await bide.open_process(["cat"], stdin=PIPE)
        pid, stdin = process.pid, process.stdin
        del process
        await settle()
        os.kill(pid, 0)
        stdin.close()
        while has_children():
            await bide.sleep(0.001)

    run(main())


def test_process_that_outlives_the_loop_is_reaped():
    reader, writer = os.pipe()

    async def main():
        await bide.open_process(["cat"], stdin=reader)

    bide.run(main())
    os.close(reader)
    assert has_children()
    os.close(writer)
    while has_children():
        time.sleep(0.001)


# -- many ---------------------------------------------------------------------


def test_process_many_in_a_row_leave_nothing():
    async def main():
        for i in range(200):
            assert await output_of(["true"]) == (b"", 0)
            if i == 10:
                before = open_descriptors()
        assert open_descriptors() == before
        assert not has_children()

    run(main())


def test_process_in_two_loops_at_once():
    said = []

    def work():
        async def main():
            for _ in range(30):
                said.append(await output_of(["ls", "/proc/self/fd"]))

        bide.run(main())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [(b"0\n1\n2\n3\n", 0)] * 60


def test_process_beside_subprocess_and_asyncio():
    async def theirs():
        process = await asyncio.create_subprocess_exec("true")
        return await process.wait()

    async def main():
        process = await bide.open_process(["cat"], stdin=PIPE)
        assert subprocess.run(["false"]).returncode == 1
        thread = bide.spawn_blocking(asyncio.run, theirs())
        assert await thread == 0
        process.stdin.close()
        assert await process.wait() == 0

    run(main())


# -- running one to its end ---------------------------------------------------


def test_process_run_gives_output_and_end():
    async def main():
        result = await bide.run_process(
            "cat; echo oops >&2; exit 3", shell=True, input=b"hello"
        )
        assert (result.returncode, result.stdout) == (3, b"hello")
        assert result.stderr == b"oops\n"
        result = await bide.run_process(["true"], stdout=DEVNULL)
        assert (result.stdout, result.stderr) == (None, b"")
        with pytest.raises(bide.ProcessError, match="(?s)ls.*no-such") as caught:
            await bide.run_process(["ls", "/bide/no-such"], check=True)
        assert isinstance(caught.value, subprocess.CalledProcessError)
        with pytest.raises(FileNotFoundError):
            await bide.run_process(["bide-no-such-program"])

    run(main())


def test_process_run_does_not_deadlock():
    async def main():
        data = b"x" * (1 << 20)
        result = await bide.run_process(
            "cat >&2; head -c 1000000 /dev/zero; "
            "cat /dev/zero | head -c 1000000 >&2",
            shell=True,
            input=data,
        )
        assert len(result.stdout) == 1000000
        assert len(result.stderr) == len(data) + 1000000
        result = await bide.run_process(["true"], input=data)  # does not read
        assert result.returncode == 0

    run(main())


def test_process_run_keeps_its_limit():
    async def main():
        with pytest.raises(ValueError, match="limit"):
            await bide.run_process(
                "echo 12345; sleep 60", shell=True, new_group=True, limit=5
            )
        result = await bide.run_process(["echo", "1234"], limit=5)
        assert result.stdout == b"1234\n"

    run(main())


def test_process_run_cancelled_ends_the_child():
    async def main():
        start = bide.now()
        with pytest.raises(TimeoutError):
            await bide.run_process(
                "sleep 60 & sleep 60", shell=True, new_group=True, timeout=0.05
            )
        assert bide.now() - start < 10
        assert not has_children()

    run(main())


def test_process_run_fails_if_checked():
    async def main():
        with pytest.raises(bide.ProcessError, match="oops") as caught:
            await bide.run_process(
                "echo so; echo oops >&2; exit 3", shell=True, check=True
            )
        assert (caught.value.returncode, caught.value.stdout) == (3, b"so\n")

    run(main())


def test_process_run_ends_at_its_timeout():
    async def main():
        with pytest.raises(TimeoutError):
            await bide.run_process(["sleep", "60"], timeout=0.05)
        assert not has_children()

    run(main())


def test_process_communicates():
    async def main():
        async with await bide.open_process(
            ["cat"], stdin=PIPE, stdout=PIPE
        ) as process:
            assert await process.communicate(b"hi") == (b"hi", None)
        async with await bide.open_process(["yes"], stdout=PIPE) as process:
            with pytest.raises(ExceptionGroup, match="."):
                await process.communicate(limit=10)

    run(main())


# -- what fails ---------------------------------------------------------------


def test_process_without_descriptors_is_an_error():
    async def main():
        options = {"stdin": DEVNULL, "stdout": PTY, "stderr": PIPE}
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        failures = 0
        while True:
            taken = []
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
            try:
                while True:
                    taken.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                for fd in taken[:failures]:
                    os.close(fd)
            try:
                process = await bide.open_process(["true"], **options)
                break
            except OSError as error:
                assert error.errno == errno.EMFILE
            finally:
                for fd in taken[failures:]:
                    os.close(fd)
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            failures += 1
        assert failures >= 5
        assert await process.wait() == 0

    run(main())


def test_process_cancel_at_every_park():
    class Scenario:
        process = None

        def tasks(self):
            return [("victim", self.live())]

        async def live(self):
            async with await bide.open_process(
                "read line; echo $line; exit 6",
                shell=True,
                stdin=PIPE,
                stdout=PIPE,
            ) as self.process:
                await self.process.stdin.write(b"x\n")
                assert await self.process.stdout.read_line() == b"x\n"
                assert await self.process.wait() == 6

        def check(self, outcome):
            assert self.process.returncode is not None
            assert not has_children()

    cancel_at_every_park(Scenario, exact=False)
