import os
import resource
import subprocess
import sys

import pytest

import bide
from bide import fs
from descriptors import descriptors
from sweep import cancel_at_every_park
from unprivileged import run_unprivileged


def run(coro, **options):
    return bide.run(coro, **options)


def told(change):
    """A change as one word: "created_a", "renamed_a>b/"."""
    text = change.kind
    if change.name:
        text += "_"
        text += f"{change.old_name}>" if change.old_name is not None else ""
        text += change.name + ("/" if change.is_dir else "")
    return text


async def rest(changes, seen=None):
    """What is told until the directory is gone."""
    seen = [] if seen is None else seen
    async for change in changes:
        seen.append(told(change))
    return seen


@pytest.fixture
def d(tmp_path):
    folder = tmp_path / "d"
    folder.mkdir()
    return folder


def test_fs_watch_tells_what_changes(d):
    async def main():
        async with await bide.watch(d) as changes:
            assert changes.path == d and not changes.closed
            (d / "a").write_bytes(b"x")
            (d / "e").mkdir()
            (d / "e" / "below").touch()
            (d / "a").chmod(0o640)
            (d / "a").unlink()
            (d / "e" / "below").unlink()
            (d / "e").rmdir()
            d.rename(d.parent / "gone")
            seen = await rest(changes)
        assert changes.closed
        return seen

    before = descriptors()
    assert run(main()) == [
        "created_a", "modified_a", "created_e/", "attributes_a", "removed_a",
        "removed_e/", "gone",
    ]
    assert descriptors() == before


def test_fs_watch_pairs_renames(d):
    (d.parent / "away").touch()

    async def main():
        async with await fs.watch(os.fsencode(d)) as changes:
            (d / "a").touch()
            (d / "a").rename(d / "b")
            (d.parent / "away").rename(d / "in")
            (d / "in").rename(d.parent / "out")
            (d / "e").mkdir()
            (d / "e").rename(d / "f")
            (d / "b").rename(d.parent / "b")
            kept = [c async for c in changes if c.kind != "attributes"]
            return [c for c in kept if c.kind != "gone"]

    async def ends():
        result = bide.spawn(main())
        await bide.sleep(0)
        while not os.path.exists(d.parent / "b"):
            await bide.yield_now()
        d.rename(d.parent / "gone")
        return await result

    changes = run(ends())
    assert [(c.kind, c.name, c.old_name) for c in changes] == [
        ("created", b"a", None), ("renamed", b"b", b"a"),
        ("created", b"in", None), ("removed", b"in", None),
        ("created", b"e", None), ("renamed", b"f", b"e"),
        ("removed", b"b", None),
    ]
    assert [c.is_dir for c in changes[-3:]] == [True, True, False]


def test_fs_watch_waits_for_the_other_half_of_a_rename(d):
    (d / "a").touch()

    async def main():
        async with await bide.watch(d) as changes:
            (d / "a").rename(d.parent / "a")
            return told(await changes.recv())

    assert run(main()) == "removed_a"
    (d / "a").touch()
    assert run(main(), virtual_clock=True) == "removed_a"


def test_fs_watch_gives_many_at_once(d):
    async def main():
        async with await bide.watch(d) as changes:
            for i in range(5):
                (d / str(i)).mkdir()
            some = [c.name for c in await changes.recv_many(2)]
            return some, [c.name for c in await changes.recv_many()]

    assert run(main()) == (["0", "1"], ["2", "3", "4"])


def test_fs_watch_tells_an_overflow(d):
    with open("/proc/sys/fs/inotify/max_queued_events") as file:
        room = int(file.read())
    if room > 200_000:
        pytest.skip("the system's queue is too long to fill")
    names = [d / "a", d / "b"]
    for name in names:
        name.touch()

    async def main():
        async with await bide.watch(d) as changes:
            for i in range(room + 1):
                os.chmod(names[i % 2], 0o600)
            seen = 0
            while (change := await changes.recv()).kind != "overflow":
                seen += 1
            assert change.name == ""
            names[1].unlink()
            return seen, told(await changes.recv())

    assert run(main()) == (room, "removed_b")


def test_fs_watch_ends_when_the_directory_is_gone(d):
    async def main():
        async with await bide.watch(d) as changes:
            a, b = bide.spawn(rest(changes)), bide.spawn(rest(changes))
            await bide.yield_now()
            d.rmdir()
            assert (await a, await b) == (["gone"], [])
            with pytest.raises(EOFError, match="gone"):
                await changes.recv()
            assert not changes.closed

    run(main())


def test_fs_watch_close_ends_the_waits(d):
    async def main():
        changes = await bide.watch(d)
        waiting, iterating = bide.spawn(changes.recv()), bide.spawn(rest(changes))
        await bide.yield_now()
        changes.close()
        changes.close()
        with pytest.raises(bide.ClosedError, match="close"):
            await waiting
        assert await iterating == []
        with pytest.raises(bide.ClosedError):
            await changes.recv_many()
        assert "closed" in repr(changes)

    run(main())


def test_fs_watch_several_on_one_directory(d):
    async def main():
        first, second = await bide.watch(d), await bide.watch(d)
        (d / "a").mkdir()
        later = await bide.watch(d)
        (d / "a").rmdir()
        d.rmdir()
        seen = [await rest(w) for w in (later, second, first)]
        for w in (first, second, later):
            w.close()
        return seen

    both = ["created_a/", "removed_a/", "gone"]
    assert run(main()) == [both[1:], both, both]


def test_fs_watch_gives_each_change_to_one_task(d):
    async def main():
        async with await bide.watch(d) as changes:
            tasks = [bide.spawn(changes.recv()) for _ in range(2)]
            await bide.yield_now()
            (d / "1").mkdir()
            (d / "2").mkdir()
            return [told(await task) for task in tasks]

    assert run(main()) == ["created_1/", "created_2/"]


def test_fs_watch_cancelled_wait_loses_nothing(d):
    async def main():
        async with await bide.watch(d) as changes:
            task = bide.spawn(changes.recv())
            await bide.yield_now()
            task.cancel()
            with pytest.raises(bide.Cancelled):
                await task
            (d / "a").mkdir()
            d.rename(d.parent / "gone")
            return await rest(changes)

    assert run(main()) == ["created_a/", "gone"]


def test_fs_watch_dropped_changes_go_to_the_next(d):
    async def main():
        async with await bide.watch(d) as changes:
            event = bide.Event()
            race = bide.spawn(bide.race(event.wait(), changes.recv_many(2)))
            await bide.yield_now()
            (d / "1").mkdir()
            (d / "2").mkdir()
            event.set()
            await race
            first = told(await changes.recv())
            d.rename(d.parent / "gone")
            return [first, *await rest(changes)]

    assert run(main())[:2] == ["created_1/", "created_2/"]


class _Watching:
    """Every change is seen once, by the victim or by who comes after it."""

    def __init__(self, folder):
        self.folder = folder
        self.changes = None
        self.there, self.over = bide.Event(), bide.Event()
        self.seen = []

    async def victim(self):
        try:
            async with await bide.watch(self.folder):
                pass
            await self.there.wait()
            for _ in range(3):
                self.seen.append(told(await self.changes.recv()))
        finally:
            self.over.set()

    async def worker(self):
        async with await bide.watch(self.folder) as self.changes:
            self.there.set()
            for _ in range(3):
                await fs.mkdir(self.folder / "x")
                await fs.rmdir(self.folder / "x")
            await self.over.wait()
            while len(self.seen) < 6:
                self.seen += map(told, await self.changes.recv_many())

    def tasks(self):
        return [("victim", self.victim()), ("worker", self.worker())]

    def check(self, outcome):
        assert self.seen == ["created_x/", "removed_x/"] * 3


def test_fs_watch_cancel_at_every_park(d):
    before = descriptors()
    cancel_at_every_park(lambda: _Watching(d), exact=False)
    assert descriptors() == before


def test_fs_watch_errors(d):
    (d / "file").touch()

    async def main():
        with pytest.raises(FileNotFoundError, match=r"watch\(\).*none"):
            await bide.watch(d / "none")
        with pytest.raises(NotADirectoryError) as caught:
            await bide.watch(d / "file")
        assert caught.value.filename == d / "file"
        with pytest.raises(TypeError, match="path"):
            bide.watch(3)
        with pytest.raises(ValueError, match="null"):
            bide.watch("a\0b")
        async with await bide.watch(d) as changes:
            with pytest.raises(ValueError, match="limit"):
                changes.recv_many(0)
            with pytest.raises(TypeError, match="limit"):
                changes.recv_many("x")

    run(main())


def test_fs_watch_of_what_may_not_be_read_is_an_error(d):
    async def main():
        with pytest.raises(PermissionError) as caught:
            await bide.watch(d)
        assert caught.value.filename == d

    d.chmod(0)
    assert run_unprivileged(main())


LIMIT = """
import bide, sys
async def main():
    try:
        await bide.watch(sys.argv[1])
    except OSError as error:
        print(error)
bide.run(main())
"""


def test_fs_watch_names_the_limit_that_is_reached(d):
    async def main():
        watches = []
        with pytest.raises(OSError, match="fs.inotify.max_user_instances"):
            while True:
                watches.append(await bide.watch(d))
        for w in watches:
            w.close()
        (await bide.watch(d)).close()

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors() + 30, hard))
    try:
        run(main())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    limit = "echo 0 > /proc/sys/user/max_inotify_watches && exec \"$@\""
    words = ["unshare", "-Ur", "sh", "-c", limit, "sh", sys.executable, "-c",
             LIMIT, str(d)]
    result = subprocess.run(words, capture_output=True, text=True)
    if result.returncode:
        pytest.skip("the limit of watches cannot be lowered here: "
                    + result.stderr.strip())
    assert "fs.inotify.max_user_watches" in result.stdout
    assert str(d) in result.stdout
