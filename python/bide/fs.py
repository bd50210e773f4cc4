"""The file system: what os, shutil and tempfile do, off the loop.

    from bide import fs

    if not await fs.exists(path):
        await fs.write_file(path, b"{}", replace=True)

Errors are OSErrors that name the operation and the path. An operation that is
cancelled before a thread has begun it did not happen; one that changes
something and has begun goes on, and the cancellation lands at the next await.
"""

from __future__ import annotations

import os as _os
import stat as _stat
import tempfile as _tempfile
from collections.abc import AsyncIterator as _AsyncIterator
from collections.abc import Awaitable as _Awaitable
from contextlib import asynccontextmanager as _asynccontextmanager
from typing import Any as _Any
from typing import NamedTuple as _NamedTuple

from . import _core
from ._core import watch
from ._files import open_file

__all__ = [
    "Entry",
    "append_file",
    "chmod",
    "copy_file",
    "exists",
    "is_dir",
    "is_file",
    "link",
    "listdir",
    "lstat",
    "makedirs",
    "mkdir",
    "open_file",
    "read_file",
    "readlink",
    "remove_tree",
    "rename",
    "replace",
    "rmdir",
    "scandir",
    "stat",
    "symlink",
    "temporary_directory",
    "temporary_file",
    "unlink",
    "utime",
    "watch",
    "write_file",
]

_Path = str | bytes | _os.PathLike[str] | _os.PathLike[bytes]
_WRITE, _APPEND, _REPLACE = range(3)


def _do(
    name: str,
    path: _Path,
    other: _Path | None = None,
    first: int = 0,
    second: int = 0,
    data: _Any = None,
) -> _Awaitable[_Any]:
    return _core._fs(name, path, other, first, second, data)


# -- looking -------------------------------------------------------------------


def stat(path: _Path) -> _Awaitable[_os.stat_result]:
    """What is known about the file a path leads to, as os.stat()."""
    return _do("stat", path, first=1)


def lstat(path: _Path) -> _Awaitable[_os.stat_result]:
    """The same of a link itself, as os.lstat()."""
    return _do("stat", path)


async def exists(path: _Path) -> bool:
    """Whether a path leads to something."""
    try:
        await stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


async def is_dir(path: _Path) -> bool:
    """Whether a path leads to a directory."""
    try:
        return _stat.S_ISDIR((await stat(path)).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


async def is_file(path: _Path) -> bool:
    """Whether a path leads to a file."""
    try:
        return _stat.S_ISREG((await stat(path)).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def readlink(path: _Path) -> _Awaitable[_Any]:
    """Where a symbolic link leads."""
    return _do("readlink", path)


class Entry(_NamedTuple):
    """One of a directory's, from scandir()."""

    name: _Any
    path: _Any
    type: str  # "f"ile, "d"irectory, "l"ink, or "o"ther

    def is_file(self) -> bool:
        return self.type == "f"

    def is_dir(self) -> bool:
        return self.type == "d"

    def is_symlink(self) -> bool:
        return self.type == "l"


async def scandir(path: _Path = ".") -> _AsyncIterator[Entry]:
    """Iterate over what a directory holds; links are told as links. It is read
    in pieces, so a directory may be of any size."""
    folder: _Any = _os.fspath(path)
    directory = await _do("open_directory", path)
    try:
        while some := await _core._directory_next(directory, folder, 256):
            for name, type in some:
                yield Entry(name, _os.path.join(folder, name), type)
    finally:
        _core._directory_close(directory)


async def listdir(path: _Path = ".") -> list[_Any]:
    """The names in a directory, in no order, all at once."""
    names: list[_Any] = await _do("listdir", path)
    return names


# -- changing ------------------------------------------------------------------


def mkdir(path: _Path, mode: int = 0o777) -> _Awaitable[None]:
    """Make a directory."""
    return _do("mkdir", path, first=mode)


def makedirs(path: _Path, mode: int = 0o777) -> _Awaitable[None]:
    """Make a directory and those above it, unless they are there."""
    return _do("mkdir", path, first=mode, second=1)


def rmdir(path: _Path) -> _Awaitable[None]:
    """Remove an empty directory."""
    return _do("rmdir", path)


def unlink(path: _Path) -> _Awaitable[None]:
    """Remove a file or link."""
    return _do("unlink", path)


def remove_tree(path: _Path) -> _Awaitable[None]:
    """Remove a path and all below it; links are not followed."""
    return _do("remove_tree", path)


def rename(path: _Path, to: _Path) -> _Awaitable[None]:
    """Rename a file or directory; a file named `to` is replaced."""
    return _do("rename", path, to)


replace = rename


def link(path: _Path, to: _Path) -> _Awaitable[None]:
    """Make `to` another name of a file."""
    return _do("link", path, to)


def symlink(target: _Path, path: _Path) -> _Awaitable[None]:
    """Make `path` a symbolic link to `target`."""
    return _do("symlink", target, path)


def chmod(path: _Path, mode: int) -> _Awaitable[None]:
    """Set the permissions."""
    return _do("chmod", path, first=mode)


def utime(path: _Path, atime: float, mtime: float) -> _Awaitable[None]:
    """Set the times of the last access and change, in seconds since 1970."""
    return _do("utime", path, first=int(atime * 1e9), second=int(mtime * 1e9))


def copy_file(path: _Path, to: _Path) -> _Awaitable[None]:
    """Copy content and permissions of a file; one named `to` is replaced."""
    return _do("copy_file", path, to)


# -- whole files ---------------------------------------------------------------


def read_file(path: _Path) -> _Awaitable[bytes]:
    """All of a file. A small one in the system's memory takes no thread."""
    return _do("read_file", path)


def write_file(
    path: _Path, data: _Any, *, replace: bool = False, mode: int = 0o666
) -> _Awaitable[None]:
    """Make `data` (bytes) the content of a file. With `replace` it is written
    aside, made durable and put in place in one step: others see the old or the
    new, and so does a machine that loses its power."""
    how = _REPLACE if replace else _WRITE
    if replace and mode == 0o666:
        mode = 0o644
    return _do("write_file", path, None, how, mode, _bytes(data))


def append_file(
    path: _Path, data: _Any, *, mode: int = 0o666
) -> _Awaitable[None]:
    """Append `data` to a file, which is made if it is not there."""
    return _do("write_file", path, None, _APPEND, mode, _bytes(data))


def _bytes(data: _Any) -> _Any:
    if isinstance(data, str):
        raise TypeError("data must be bytes or another buffer, not str")
    memoryview(data)
    return data


# -- temporary -----------------------------------------------------------------


def _prefix(prefix: str, dir: _Path | None) -> _Any:
    folder = _tempfile.gettempdir() if dir is None else _os.fsdecode(dir)
    return _os.path.join(folder, prefix)


@_asynccontextmanager
async def temporary_directory(
    prefix: str = "tmp", dir: _Path | None = None
) -> _AsyncIterator[str]:
    """A directory of one's own for the time of an `async with` block; gives
    its path. All in it is removed with it."""
    path = await _do("temp", _prefix(prefix, dir), first=1)
    try:
        yield path
    finally:
        with _core.shield():
            await remove_tree(path)


@_asynccontextmanager
async def temporary_file(
    mode: str = "wb+", prefix: str = "tmp", dir: _Path | None = None
) -> _AsyncIterator[_Any]:
    """A file of one's own, opened as by open_file(), which is removed at the
    end of an `async with` block; its `name` is its path."""
    path = await _do("temp", _prefix(prefix, dir))
    try:
        async with await open_file(path, mode) as file:
            yield file
    finally:
        with _core.shield():
            try:
                await unlink(path)
            except FileNotFoundError:
                pass
