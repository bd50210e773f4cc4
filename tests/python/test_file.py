import errno
import os
import resource
import stat

import pytest

import bide
from sweep import settle
from unprivileged import run_unprivileged


def run(coro):
    return bide.run(coro)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a"


async def _await(operation):
    return await operation


def test_file_reads_what_was_written(path):
    async def main():
        async with await bide.open_file(path, "wb+") as f:
            assert await f.write(b"one\ntwo\nthree") == 13
            assert await f.write(bytearray(b"")) == 0
            assert await f.tell() == 13
            assert await f.seek(0) == 0
            assert await f.read(2) == b"on"
            assert await f.readline() == b"e\n"
            assert await f.read(5) == b"two\nt"
            buffer = bytearray(3)
            assert await f.read_into(buffer) == 3
            assert buffer == b"hre"
            assert await f.read() == b"e"
            assert await f.read() == b""
            await f.flush()
            assert f.name == path and not f.closed
        assert f.closed and "closed" in repr(f)

    run(main())
    assert path.read_bytes() == b"one\ntwo\nthree"


def test_file_reads_lines(path):
    path.write_bytes(b"first\n\nlast")

    async def main():
        async with await bide.open_file(path, "rb") as f:
            assert [line async for line in f] == [b"first\n", b"\n", b"last"]
            await f.seek(0)
            assert await f.readline(3) == b"fir"
            assert await f.readline(3) == b"st\n"
            assert await f.readline(0) == b""

    run(main())


def test_file_end_is_not_for_ever(path):
    path.write_bytes(b"x")

    async def main():
        async with await bide.open_file(path, "rb") as f:
            assert await f.read() == b"x"
            assert await f.read() == b""
            path.write_bytes(b"xyz")
            assert await f.read() == b"yz"

    run(main())


def test_file_append_goes_to_the_end(path):
    path.write_bytes(b"ab")

    async def main():
        async with await bide.open_file(path, "ab+") as f:
            assert await f.tell() == 2
            await f.seek(0)
            await f.write(b"cd")
            assert await f.tell() == 4
            assert await f.seek(-3, os.SEEK_END) == 1
            assert await f.read() == b"bcd"

    run(main())
    assert path.read_bytes() == b"abcd"


def test_file_places_leave_the_position(path):
    path.write_bytes(b"0123456789")

    async def main():
        async with await bide.open_file(path, "rb+") as f:
            assert await f.read(2) == b"01"
            assert await f.pwrite(b"xy", 3) == 2
            assert await f.pread(100, offset=8) == b"89"
            assert await f.pread(4, 50) == b""
            assert await f.read(4) == b"2xy5"

    run(main())
    assert path.read_bytes() == b"012xy56789"


def test_file_truncate_stat_and_sync(path):
    path.write_bytes(b"0123456789")

    async def main():
        async with await bide.open_file(path, "rb+") as f:
            assert await f.read(1) == b"0"
            assert await f.truncate(3) == 3
            await f.fsync()  # or the number of blocks may change in between
            found = await f.stat()
            real = os.stat(path)
            assert found.st_size == 3 and stat.S_ISREG(found.st_mode)
            for name in dir(real):
                if name.startswith("st_"):
                    assert getattr(found, name) == getattr(real, name), name
            assert await f.read() == b"12"
            await f.fsync()
            await f.fsync(data_only=True)
            await f.seek(1)
            assert await f.truncate() == 1

    run(main())
    assert path.read_bytes() == b"0"


def test_file_large_in_one_piece(path):
    data = os.urandom(1 << 20) * 20

    async def main():
        async with await bide.open_file(path, "wb+") as f:
            await f.write(data)
            await f.seek(0)
            assert await f.read() == data

    run(main())


def test_file_open_errors(path):
    path.write_bytes(b"x")
    rows = [(path.parent / "none", "rb", FileNotFoundError),
            (path / "b", "rb", NotADirectoryError),
            (path.parent, "rb", IsADirectoryError),
            (path.parent, "wb", IsADirectoryError),
            (path, "xb", FileExistsError),
            ("", "rb", FileNotFoundError)]

    async def main():
        for name, mode, error in rows:
            with pytest.raises(error, match=r"open_file\(\)") as caught:
                await bide.open_file(name, mode)
            assert caught.value.filename == name
        with pytest.raises(TypeError, match="path"):
            bide.open_file(3, "rb")
        with pytest.raises(ValueError, match="null"):
            bide.open_file("a\0b", "rb")

    run(main())


def test_file_misuse_is_an_error(path):
    path.write_bytes(b"x")

    async def main():
        async with await bide.open_file(path, "rb") as f:
            with pytest.raises(OSError, match=r"File.write\(\).*a'") as caught:
                await f.write(b"x")
            assert caught.value.errno == errno.EBADF
            for args in (-1,), (0, 9):
                with pytest.raises(ValueError, match="position"):
                    await f.seek(*args)
            with pytest.raises(ValueError, match="size"):
                f.truncate(-1)
            with pytest.raises(ValueError, match="offset"):
                f.pread(1, -1)
            with pytest.raises(TypeError, match="text mode"):
                f.write("x")
        await f.close()
        for use in f.read, f.tell, f.readline, f.stat, f.fsync, f.flush:
            with pytest.raises(bide.ClosedError, match="closed"):
                await use()
        with pytest.raises(bide.ClosedError, match="closed"):
            f.fileno()
        with pytest.raises(bide.ClosedError, match="closed"):
            await f.write(b"")

    run(main())


def test_file_no_space_is_an_error():
    async def main():
        async with await bide.open_file("/dev/full", "wb") as f:
            with pytest.raises(OSError, match="/dev/full") as caught:
                await f.write(b"x")
            assert caught.value.errno == errno.ENOSPC
            with pytest.raises(OSError) as caught:
                await f.seek(0)
            assert caught.value.errno == errno.ESPIPE

    run(main())


def test_file_without_a_position():
    async def main():
        a, b = os.pipe()
        os.write(b, b"abc")
        os.close(b)
        async with await bide.open_file(f"/dev/fd/{a}", "rb") as f:
            os.close(a)
            assert await f.read(2) == b"ab"
            assert await f.read() == b"c"
            with pytest.raises(OSError) as caught:
                await f.pread(1, 0)
            assert caught.value.errno == errno.ESPIPE

    run(main())


# -- text ----------------------------------------------------------------------


def test_text_is_decoded(path):
    text = "grün\r\n€uro\nlast"
    path.write_bytes(text.encode())

    async def main():
        async with await bide.open_file(path) as f:
            assert [line async for line in f] == ["grün\n", "€uro\n", "last"]
            await f.seek(0)
            assert await f.read(5) == "grün\n"
            assert await f.read(1) == "€"
            assert await f.readline() == "uro\n"
            assert await f.read() == "last"
        async with await bide.open_file(path, newline="") as f:
            assert await f.read() == text
        async with await bide.open_file(path, "w", encoding="latin-1") as f:
            assert await f.write("ü\n") == 2
            await f.flush()
        assert path.read_bytes() == b"\xfc\n"
        async with await bide.open_file(path) as f:
            with pytest.raises(UnicodeDecodeError):
                await f.read(1)
            assert await f.tell() == 0
        async with await bide.open_file(path, errors="replace") as f:
            assert await f.read() == "\ufffd\n"

    run(main())


def test_text_mode_arguments(path):
    for mode in "", "rw", "rbt", "z", "r++":
        with pytest.raises(ValueError, match="mode"):
            bide.open_file(path, mode)
    with pytest.raises(TypeError, match="mode"):
        bide.open_file(path, 3)
    with pytest.raises(ValueError, match="encoding"):
        bide.open_file(path, "rb", encoding="utf-8")
    with pytest.raises(ValueError, match="utf-16"):
        bide.open_file(path, encoding="utf-16")
    with pytest.raises(LookupError):
        bide.open_file(path, encoding="no-such")


def test_file_without_descriptors_is_an_error(path):
    path.write_bytes(b"x")

    async def main():
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
        try:
            with pytest.raises(OSError) as caught:
                await bide.open_file(path, "rb")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert caught.value.errno == errno.EMFILE
        assert caught.value.filename == path
        async with await bide.open_file(path, "rb") as f:
            assert await f.read() == b"x"

    run(main())


def test_file_permission_denied_is_an_error(path):
    path.write_bytes(b"x")
    path.chmod(0)

    async def main():
        for mode in "rb", "wb":
            with pytest.raises(PermissionError):
                await bide.open_file(path, mode)

    assert run_unprivileged(main())


def test_file_dropped_open_is_reported(path):
    async def main():
        f = await bide.open_file(path, "wb")
        fd = f.fileno()
        with pytest.warns(ResourceWarning, match="unclosed"):
            del f
        await settle()
        return fd

    fd = run(main())
    with pytest.raises(OSError):
        os.fstat(fd)
