"""Follows log files, as `tail -F` does: prints the lines that are appended to
any number of files, through rotation (another file gets the name), truncation
and times when a file is not there.

    python log_tailer.py /var/log/syslog app.log
    python log_tailer.py --demo
"""

import os
import sys
from collections.abc import AsyncIterator

import bide
from bide import fs


async def heard(changes: bide.Changes, name: str) -> None:
    """Waits until something may have become of `name` in its directory. What the
    system did not keep for us may have been that."""
    while True:
        for change in await changes.recv_many():
            if name in (change.name, change.old_name) or change.kind == "overflow":
                return
            if change.kind == "gone":
                raise FileNotFoundError(f"{changes.path} is gone")


async def is_same(file: bide.File, path: str) -> bool:
    """Whether the name still leads to the open file."""
    try:
        there, here = await fs.stat(path), await file.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, here)


async def open_when_there(path: str, changes: bide.Changes) -> bide.File:
    while True:
        try:
            return await bide.open_file(path, "rb")
        except FileNotFoundError:
            await heard(changes, os.path.basename(path))


async def lines_of(
    file: bide.File, path: str, changes: bide.Changes
) -> AsyncIterator[bytes]:
    """Lines as they are completed, until the name leads elsewhere."""
    begun, replaced = b"", False
    while True:
        piece = await file.readline()
        if piece:
            begun += piece
            if begun.endswith(b"\n"):
                yield begun
                begun = b""
            continue
        if replaced:  # and what was written before that has been read
            if begun:
                yield begun + b"\n"
            return
        if (await file.stat()).st_size < await file.tell():
            await file.seek(0)  # truncated
            begun = b""
            continue
        replaced = not await is_same(file, path)
        if not replaced:
            await heard(changes, os.path.basename(path))


async def follow(
    path: str, out: bide.Channel[tuple[str, str]], from_end: bool = True
) -> None:
    """Sends (path, line) for each line, for ever. The directory is watched, as
    another file may get the name; and before the first look, so that nothing
    happens in between."""
    async with await bide.watch(os.path.dirname(path) or ".") as changes:
        while True:
            async with await open_when_there(path, changes) as file:
                if from_end:
                    await file.seek(0, os.SEEK_END)
                async for line in lines_of(file, path, changes):
                    text = line.decode(errors="replace").rstrip("\r\n")
                    await out.send((path, text))
            from_end = False  # the next file of this name is all news


async def tail(paths: list[str]) -> None:
    out: bide.Channel[tuple[str, str]] = bide.Channel(256)
    async with bide.TaskGroup() as group:
        for path in paths:
            group.spawn(follow(path, out), name=f"follow {path}")
        async for path, line in out:
            print(f"{path}: {line}" if len(paths) > 1 else line, flush=True)


async def demo() -> None:
    """Writes a log, rotates and truncates it, and follows it meanwhile."""
    async with fs.temporary_directory() as folder:
        path = os.path.join(folder, "app.log")
        out: bide.Channel[tuple[str, str]] = bide.Channel(16)
        follower = bide.spawn(follow(path, out, from_end=False))

        async def expect(*wanted: str) -> None:
            for text in wanted:
                _, line = await out.recv()
                print(line)
                assert line == text, (line, text)

        await fs.append_file(path, b"one\ntwo, be")
        await expect("one")
        await fs.append_file(path, b"gun before\n")
        await expect("two, begun before")
        await fs.append_file(path, b"last of the old\n")
        await fs.rename(path, path + ".1")
        await fs.write_file(path, b"first of the new, a longer line\n")
        await expect("last of the old", "first of the new, a longer line")
        await fs.write_file(path, b"truncated\n")
        await expect("truncated")
        follower.cancel()


if __name__ == "__main__":
    if sys.argv[1:] in ([], ["--demo"]):
        bide.run(demo())
    else:
        try:
            bide.run(tail(sys.argv[1:]))
        except KeyboardInterrupt:
            pass
