"""Standard streams: writing to a file, cancelled; TLS over one; and a process
that was started without descriptors 0, 1 and 2."""

import errno
import os
import subprocess
import sys
import tempfile

import pytest

import bide
from sweep import cancel_at_every_park
from tls_support import client_context

SIZE = 100_000
MESSAGES = [bytes([n]) * SIZE for n in b"abc"]


def output_to(file):
    """Standard output as a stream, after it has been `file` for a moment."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(file.fileno(), 1)
    try:
        return bide.stdout()
    finally:
        os.dup2(kept, 1)
        os.close(kept)


class Paper:
    """A victim that writes messages to a file; what began is written whole."""

    def __init__(self):
        self.file = tempfile.TemporaryFile()
        self.stream = None
        self.written = 0
        self.over = bide.Event()

    def open(self):
        if self.stream is None:
            self.stream = output_to(self.file)
        return self.stream

    async def victim(self):
        try:
            for message in MESSAGES:
                await self.open().write(message)
                self.written += 1
        finally:
            self.over.set()

    async def end(self):
        async with self.open() as stream:
            await self.over.wait()
            await stream.shutdown()

    def tasks(self):
        return [("victim", self.victim()), ("end", self.end())]

    def check(self, outcome):
        with self.file:
            self.file.seek(0)
            content = self.file.read()
        assert content in (b"".join(MESSAGES[:self.written]),
                           b"".join(MESSAGES[:self.written + 1]))
        assert outcome == "cancelled" or self.written == 3


def test_stdio_write_cancel_at_every_park():
    cancel_at_every_park(Paper, exact=False)


def test_stdio_of_a_file_has_no_tls():
    async def main():
        with tempfile.TemporaryFile() as file:
            stream = output_to(file)
            async with stream:
                with pytest.raises(OSError, match="file or a device") as caught:
                    await stream.start_tls(
                        client_context(), server_hostname="localhost")
                assert caught.value.errno == errno.ENOTSUP
                assert not stream.closed

    bide.run(main())


WITHOUT = """
import os
import bide

async def main():
    for opening in bide.stdin, bide.stdout, bide.stderr:
        try:
            opening()
        except OSError as error:
            said.append(error.errno)
    a, b = bide.socketpair()
    async with a, b:
        said.append(min(a.fileno(), b.fileno()) > 2)
    said.append((await bide.run_process(["echo", "x"])).stdout)

said = []
bide.run(main())
with open(PATH, "w") as out:
    out.write(repr(said))
"""


def test_stdio_closed_from_the_start_does_no_harm(tmp_path):
    said = tmp_path / "said"
    code = f"PATH = {str(said)!r}\n{WITHOUT}"
    subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable,
         code], check=True, timeout=60)
    assert said.read_text() == repr([errno.EBADF] * 3 + [True, b"x\n"])
