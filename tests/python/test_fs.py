import os
import stat

import pytest

import bide
from bide import fs
from descriptors import open_descriptors


def run(coro):
    return bide.run(coro)


def test_fs_makes_and_removes_directories(tmp_path):
    async def main():
        a = tmp_path / "a"
        await fs.mkdir(a)
        with pytest.raises(FileExistsError, match=r"fs.mkdir\(\).*a'"):
            await fs.mkdir(a)
        deep = a / "b" / "c"
        with pytest.raises(FileNotFoundError) as caught:
            await fs.mkdir(deep)
        assert caught.value.filename == deep
        await fs.makedirs(deep)
        await fs.makedirs(deep)
        (deep / "f").write_bytes(b"x")
        with pytest.raises(OSError, match="not empty"):
            await fs.rmdir(a)
        with pytest.raises((FileExistsError, NotADirectoryError)):
            await fs.makedirs(deep / "f")
        os.symlink(tmp_path, deep / "up")
        await fs.remove_tree(a)
        assert not await fs.exists(a) and await fs.is_dir(tmp_path)
        await fs.mkdir(a)
        await fs.rmdir(a)
        with pytest.raises(FileNotFoundError):
            await fs.remove_tree(a)

    run(main())


def test_fs_lists_a_directory(tmp_path):
    async def main():
        assert await fs.listdir(tmp_path) == []
        names = [f"file-{i}" for i in range(1000)] + ["dir", "link"]
        for name in names[:-2]:
            (tmp_path / name).touch()
        (tmp_path / "dir").mkdir()
        os.symlink("nowhere", tmp_path / "link")
        assert sorted(await fs.listdir(tmp_path)) == sorted(names)
        found = {e.name: e async for e in fs.scandir(tmp_path)}
        assert found["dir"].is_dir() and found["link"].is_symlink()
        assert found["file-7"].is_file()
        assert found["file-7"].path == str(tmp_path / "file-7")
        assert b"dir" in await fs.listdir(os.fsencode(tmp_path))
        with pytest.raises(NotADirectoryError, match=r"fs.listdir\(\)"):
            await fs.listdir(tmp_path / "file-7")

    run(main())


def test_fs_scans_in_pieces(tmp_path):
    for i in range(1000):
        (tmp_path / f"file-{i}").touch()

    async def main():
        names = [e.name async for e in fs.scandir(tmp_path)]
        assert sorted(names) == sorted(f"file-{i}" for i in range(1000))
        before = open_descriptors()
        walk = fs.scandir(os.fsencode(tmp_path))
        first = await anext(walk)
        assert first.name.startswith(b"file-") and first.is_file()
        await walk.aclose()
        assert open_descriptors() == before
        with pytest.raises(NotADirectoryError):
            await anext(fs.scandir(tmp_path / "file-1"))

    run(main())


def test_fs_scan_cancelled_loses_nothing(tmp_path):
    for i in range(1000):
        (tmp_path / f"file-{i}").touch()

    async def main():
        directory = await fs._do("open_directory", tmp_path)
        seen = []

        async def scan(limit):
            some = await bide._core._directory_next(directory, tmp_path, limit)
            seen.extend(name for name, _ in some)
            return some

        for _ in range(3):
            task = bide.spawn(scan(100))
            await bide.yield_now()
            task.cancel()
            try:
                await task
            except (bide.Cancelled, bide.BusyError):
                pass
        more = True
        while more:
            try:
                more = await scan(100)
            except bide.BusyError:  # a read that nobody waits for
                await bide.yield_now()
        assert len(seen) == len(set(seen)) == 1000

    run(main())


def test_fs_renames_links_and_copies(tmp_path):
    a, b, c = (tmp_path / name for name in "abc")
    a.write_bytes(b"content" * 100_000)
    a.chmod(0o640)

    async def main():
        await fs.rename(a, b)
        with pytest.raises(FileNotFoundError) as caught:
            await fs.rename(a, c)
        assert (caught.value.filename, caught.value.filename2) == (a, c)
        await fs.link(b, a)
        assert (await fs.stat(a)).st_nlink == 2
        await fs.symlink("b", c)
        assert await fs.readlink(c) == "b"
        assert stat.S_ISLNK((await fs.lstat(c)).st_mode)
        assert stat.S_ISREG((await fs.stat(c)).st_mode)
        with pytest.raises(OSError):
            await fs.copy_file(a, b)
        await fs.unlink(c)
        await fs.copy_file(a, c)
        assert c.read_bytes() == a.read_bytes()
        assert c.stat().st_mode == a.stat().st_mode
        with pytest.raises(IsADirectoryError):
            await fs.copy_file(tmp_path, c)
        await fs.chmod(c, 0o600)
        await fs.utime(c, 1.5, 2.25)
        found = await fs.stat(c)
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert (found.st_atime, found.st_mtime) == (1.5, 2.25)

    run(main())


def test_fs_whole_files(tmp_path):
    a = tmp_path / "a"

    async def main():
        with pytest.raises(FileNotFoundError, match=r"fs.read_file\(\)"):
            await fs.read_file(a)
        for size in 0, 10, 70_000, 3_000_000:
            data = os.urandom(size)
            await fs.write_file(a, data)
            assert await fs.read_file(a) == data
        await fs.write_file(a, b"ab")
        await fs.append_file(a, bytearray(b"cd"))
        a.chmod(0o600)
        await fs.write_file(a, b"new", replace=True)
        assert a.read_bytes() == b"new"
        assert stat.S_IMODE(a.stat().st_mode) == 0o600
        assert os.listdir(tmp_path) == ["a"]
        assert (await fs.read_file("/proc/self/comm")).endswith(b"\n")
        with pytest.raises(IsADirectoryError):
            await fs.read_file(tmp_path)
        with pytest.raises(TypeError, match="bytes"):
            fs.write_file(a, "text")
        with pytest.raises(OSError, match=r"fs.write_file\(\).*/dev/full"):
            await fs.write_file("/dev/full", b"x")

    run(main())


def test_fs_temporary_things_are_removed(tmp_path):
    async def main():
        with pytest.raises(ZeroDivisionError):
            async with fs.temporary_directory(dir=tmp_path) as folder:
                assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
                await fs.write_file(os.path.join(folder, "x"), b"")
                1 / 0
        async with fs.temporary_file(prefix="p", dir=tmp_path) as f:
            assert stat.S_IMODE((await f.stat()).st_mode) == 0o600
            assert os.path.basename(f.name).startswith("p")
            await f.write(b"x")
        with bide.move_on_after(0.05):
            async with fs.temporary_directory(dir=tmp_path):
                await bide.sleep(60)
        assert os.listdir(tmp_path) == []

    run(main())


def test_fs_bad_arguments(tmp_path):
    with pytest.raises(TypeError, match="path"):
        fs.stat(3)
    with pytest.raises(ValueError, match="null"):
        fs.unlink("a\0b")
    with pytest.raises(TypeError, match="path"):
        fs.rename(tmp_path, 3.5)
