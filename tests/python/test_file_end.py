"""Several buffers as one write, a disk that fills up, and runs that end while
work on files is queued."""

import errno
import os
import string
import subprocess

import pytest

import bide
from bide import fs
from descriptors import descriptors


def run(coro, **options):
    return bide.run(coro, **options)


def test_file_writes_many_buffers_as_one(tmp_path):
    async def main():
        async with await bide.open_file(tmp_path / "a", "wb+") as f:
            assert await f.write_many([b"ab", b"", bytearray(b"cde")]) == 5
            assert await f.write_many([]) == 0
            assert await f.write_many(memoryview(b"cde")[i:i + 1] for i in range(3)) == 3
            assert await f.tell() == 8
            into = bytearray(b"." * 8)
            with memoryview(into) as view:
                assert await f.pread_into(view[:4], 1) == 4
            assert into == b"bcde...."
            assert await f.pread_into(into, 6) == 2 and into[:2] == b"de"
            assert await f.pread_into(into, 100) == 0
            with pytest.raises(TypeError, match="buffers"):
                f.write_many(b"one")
            with pytest.raises(TypeError, match="buffers.1"):
                f.write_many([b"", "text"])
            with pytest.raises(BufferError):
                await f.pread_into(b"read only", 0)
            with pytest.raises(TypeError, match="buffer"):
                f.pread_into("text", 0)
            with pytest.raises(ValueError, match="offset"):
                f.pread_into(into, -1)

    run(main())
    assert (tmp_path / "a").read_bytes() == b"abcdecde"


@pytest.fixture
def disk(tmp_path):
    """A file system of 64 KiB."""
    path = tmp_path / "disk"
    path.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(path)]
    mounted = subprocess.run(words, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no disk to fill: {mounted.stderr.strip()}")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_file_on_a_full_disk_is_an_error(disk):
    block = b"x" * 128 * 1024

    async def main():
        async with await bide.open_file(disk / "a", "wb+") as f:
            with pytest.raises(OSError, match=r"File.write\(\).*disk/a") as caught:
                await f.write(block)
            assert caught.value.errno == errno.ENOSPC
            assert await f.tell() == (await f.stat()).st_size < len(block)
            with pytest.raises(OSError) as caught:
                await fs.write_file(disk / "b", block, replace=True)
            assert caught.value.errno == errno.ENOSPC
            assert await fs.listdir(disk) == ["a"]  # nothing was left half
            await f.truncate(0)
            await f.pwrite(b"x", 0)

    run(main())


def ended(path, rounds, shielded=False):
    """What 50 tasks were told is written when their run ends."""
    written = []

    async def write(f, c):
        with bide.shield() if shielded else bide.move_on_after(60):
            await f.write(c.encode())
            written.append(c)

    async def main():
        f = await bide.open_file(path, "wb")
        for i in range(50):
            bide.spawn(write(f, string.ascii_letters[i]))
        for _ in range(rounds):
            await bide.yield_now()
        return f

    f = run(main())
    assert f.closed
    return "".join(written)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_file_work_queued_at_the_end_is_not_lost(tmp_path):
    path = tmp_path / "a"
    for rounds in 0, 1, 3, 7, 31, 127:
        assert ended(path, rounds) == path.read_text()
    assert ended(path, 1, shielded=True) == path.read_text()
    assert path.read_text() == string.ascii_letters[:50]


def test_file_left_open_is_closed_at_the_end(tmp_path):
    block = b"x" * 128 * 1024

    async def main():
        f = await bide.open_file(tmp_path / "a", "wb")
        await f.write(block)
        with pytest.warns(ResourceWarning, match="unclosed"):
            del f

    before = descriptors()
    run(main())
    assert (tmp_path / "a").read_bytes() == block
    assert descriptors() == before
