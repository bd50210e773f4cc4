"""Pipes, FIFOs, standard input and output, terminals."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import termios

import pytest

import bide
from descriptors import open_descriptors
from sweep import settle


def in_child(code, **options):
    """Runs code that has its own standard streams; gives its output."""
    done = subprocess.run(
        [sys.executable, "-c", f"import bide, os\n{code}"],
        timeout=60, check=True, capture_output="stdout" not in options,
        **options,
    )
    return done.stdout


UPPER = """
async def main():
    async with bide.stdin() as inp, bide.stdout() as out:
        async for line in inp.lines(1 << 20):
            await out.write(line.upper())
bide.run(main())
"""


def echoes(fd):
    return bool(termios.tcgetattr(fd)[3] & termios.ECHO)


# -- pipes --------------------------------------------------------------------


def test_open_pipe_connects_two_streams():
    async def main():
        reader, writer = bide.open_pipe()
        await writer.write(b"through")
        assert await reader.read() == b"through"
        with pytest.raises(OSError) as caught:
            await writer.shutdown()
        assert caught.value.errno == errno.ENOTSOCK
        writer.close()
        assert await reader.read() == b""
        reader.close()

    bide.run(main())


def test_open_fifo_never_waits():
    async def main():
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "fifo")
            with pytest.raises(FileNotFoundError):
                bide.open_fifo(path, "r")
            os.mkfifo(path)
            with pytest.raises(OSError) as caught:
                bide.open_fifo(path, "w")
            assert caught.value.errno == errno.ENXIO
            reader = bide.open_fifo(path, "r")
            reading = bide.spawn(reader.read())
            await settle()
            assert not reading.done()
            writer = bide.open_fifo(path, "w")
            await writer.write(b"in")
            writer.close()
            assert await reading == b"in"
            assert await reader.read() == b""
            reader.close()
        with pytest.raises(ValueError, match="FIFO"):
            bide.open_fifo("/dev/null", "r")
        with pytest.raises(ValueError, match="mode"):
            bide.open_fifo("/dev/null", "rw")

    bide.run(main())


# -- standard input and output ------------------------------------------------


def test_stdio_reads_a_file():
    with tempfile.TemporaryFile() as file:
        file.write(b"one\ntwo\n")
        file.seek(0)
        assert in_child(UPPER, stdin=file) == b"ONE\nTWO\n"


def test_stdio_writes_a_file():
    with tempfile.TemporaryFile() as file:
        in_child(UPPER, input=b"x" * 300_000, stdout=file)
        assert os.fstat(file.fileno()).st_size == 300_000


FULL = """
import errno
async def main():
    out = bide.stdout()
    await out.write(b"x")
    try:
        await out.shutdown()
    except OSError as e:
        os.write(2, errno.errorcode[e.errno].encode())
bide.run(main())
"""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_stdio_full_disk_is_an_error():
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", f"import bide, os{FULL}"], stdout=full,
            stderr=subprocess.PIPE, timeout=60,
        )
    assert done.stderr == b"ENOSPC"


LEFT = """
async def main():
    bide.stdout().write_nowait(b"x" * 300_000)
    await bide.stderr().write(b"said")
bide.run(main())
"""


def test_stdio_writes_what_is_left_at_the_end():
    code = LEFT.replace("bide.stdout()", "out").replace(
        "main():", "main():\n    global out\n    out = bide.stdout()")
    with tempfile.TemporaryFile() as file:
        in_child(code, stdout=file, stderr=subprocess.DEVNULL)
        assert os.fstat(file.fileno()).st_size == 300_000


BLOCKING = """
async def main():
    inp = bide.stdin()
    await inp.read()
    shared = not os.get_blocking(0)
    inp.close()
    os.write(1, b"%d %d" % (shared, os.get_blocking(0)))
bide.run(main())
"""


def test_stdio_pipe_stays_blocking():
    shared, after = in_child(BLOCKING, input=b"x").split()
    assert after == b"1"
    assert shared == b"0" or sys.platform != "linux"


def test_stdio_socket_is_blocking_again():
    ours, childs = socket.socketpair()
    with ours, childs:
        ours.send(b"x")
        assert in_child(BLOCKING, stdin=childs) == b"1 1"


def test_stdio_of_what_is_no_stream_is_an_error():
    code = """
async def main():
    try:
        bide.stdin()
    except ValueError as e:
        os.write(1, str(e).encode())
    os.close(0)
    try:
        bide.stdin()
    except OSError as e:
        os.write(1, b" %d" % e.errno)
bide.run(main())
"""
    # Not a directory: Python does not start on one.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        said = in_child(code, stdin=datagrams)
    assert b"stdin(): descriptor 0" in said
    assert said.endswith(b" %d" % errno.EBADF)
    with pytest.raises(bide.NoRuntimeError):
        bide.stdin()


def test_stdio_terminal_stays_blocking():
    async def main():
        code = f"import bide, os\n{UPPER}os.write(1, b'%d' % os.get_blocking(0))"
        async with await bide.open_process(
            [sys.executable, "-c", code],
            stdin=bide.PTY, stdout=bide.PTY, stderr=bide.PTY,
        ) as process:
            terminal = process.stdin
            await terminal.write(b"line\n")
            assert await terminal.read_line() == b"line\r\n"
            assert await terminal.read_line() == b"LINE\r\n"
            await terminal.write(b"\4")
            assert (await terminal.read()).endswith(b"1")
            assert await process.wait() == 0

    bide.run(main())


def test_stdio_cancel_at_every_park():
    async def main():
        reader, writer = bide.open_pipe()
        read = 0

        async def victim():
            nonlocal read
            for _ in range(3):
                await reader.read_exact(2)
                read += 1
                await bide.yield_now()

        for rounds in range(8):
            await writer.write(b"aabbcc")
            read = 0
            task = bide.spawn(victim())
            for _ in range(rounds):
                await bide.yield_now()
            task.cancel()
            try:
                await task
            except bide.Cancelled:
                pass
            if read < 3:
                rest = await reader.read_exact(6 - 2 * read)
                assert rest == b"aabbcc"[2 * read:]
        reader.close()
        writer.close()

    bide.run(main())


# -- terminals ----------------------------------------------------------------


def test_pty_dialogue():
    async def main():
        master, slave = bide.open_pty(30, 90)
        assert master.is_tty and slave.is_tty
        assert slave.tty_size == (30, 90)
        master.set_tty_size(40, 100)
        assert slave.tty_size == (40, 100)
        await master.write(b"ls\n")
        assert await slave.read() == b"ls\n"
        assert await master.read_exact(4) == b"ls\r\n"
        await slave.write(b"out")
        assert await master.read() == b"out"
        await master.write(b"\4")
        assert await slave.read() == b""
        slave.close()
        assert await master.read() == b""
        master.close()
        for bad in ((0, 1), (1, 65536)):
            with pytest.raises(ValueError):
                bide.open_pty(*bad)

    bide.run(main())


def test_tty_raw_mode_ends_with_its_streams():
    async def main():
        master, slave = bide.open_pty()
        assert echoes(slave.fileno())
        slave.set_raw(True)
        slave.set_raw(True)
        master.set_raw(True)
        assert not echoes(slave.fileno())
        await master.write(b"q\3")
        assert await slave.read_exact(2) == b"q\3"
        master.set_raw(False)
        assert not echoes(slave.fileno())
        slave.close()
        assert echoes(master.fileno())
        master.close()
        left, right = bide.socketpair()
        assert not left.is_tty
        for use in (lambda: left.set_raw(True), lambda: left.tty_size):
            with pytest.raises(OSError) as caught:
                use()
            assert caught.value.errno == errno.ENOTTY
        left.close()
        right.close()
        with pytest.raises(bide.StreamClosedError):
            left.set_raw(True)

    bide.run(main())


RAW = """
import os, signal, bide
async def main():
    terminal = bide.stdin()
    terminal.set_raw(True)
    os.write(1, b"raw")
    await terminal.read()
    %s
bide.run(main())
"""


@pytest.mark.parametrize("end, code", [
    ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    ("os.kill(os.getpid(), signal.SIGHUP)", -signal.SIGHUP),
    ("raise SystemExit(3)", 3),
])
def test_tty_raw_mode_ends_with_the_process(end, code):
    async def main():
        master, slave = bide.open_pty()
        keep = os.dup(slave.fileno())
        process = await bide.open_process(
            [sys.executable, "-c", RAW % end], stdin=slave, stdout=bide.PIPE)
        async with process:
            assert await process.stdout.read() == b"raw"
            assert not echoes(keep)
            await master.write(b"k")
            assert await process.wait() == code
        assert echoes(keep)
        os.close(keep)
        master.close()

    bide.run(main())


def test_tty_tells_of_a_new_size():
    code = """
import os, signal, bide
async def main():
    terminal = bide.stdin()
    with bide.signals(signal.SIGWINCH) as caught:
        os.write(1, b"on")
        await caught.wait()
        os.write(1, b"%d %d" % terminal.tty_size)
bide.run(main())
"""

    async def main():
        async with await bide.open_process(
            [sys.executable, "-c", code], stdin=bide.PTY, stdout=bide.PIPE,
        ) as process:
            assert await process.stdout.read() == b"on"
            process.stdin.set_tty_size(50, 120)
            assert await process.stdout.read() == b"50 120"
            assert await process.wait() == 0

    bide.run(main())


def test_stdio_leaves_no_descriptor():
    async def use(times):
        for _ in range(times):
            for stream in (*bide.open_pipe(), *bide.open_pty(), bide.stderr()):
                stream.close()
        await settle()
        return open_descriptors()

    async def main():
        before = await use(1)
        assert await use(20) == before

    flags = fcntl.fcntl(2, fcntl.F_GETFL)
    bide.run(main())
    assert fcntl.fcntl(2, fcntl.F_GETFL) == flags
