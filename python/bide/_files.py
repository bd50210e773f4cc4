"""Opening files, and text over the bytes that bide.File reads and writes."""

from __future__ import annotations

import codecs
import os
from collections.abc import Awaitable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, overload

from . import _core
from ._core import File

_Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

_KINDS = {
    "r": os.O_RDONLY,
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
}
if TYPE_CHECKING:
    _BINARY: TypeAlias = Literal[
        "rb", "wb", "ab", "xb", "rb+", "wb+", "ab+", "xb+", "r+b", "w+b", "a+b",
        "x+b", "br", "bw", "ba", "bx"
    ]


def _parse(mode: str) -> tuple[int, bool]:
    """The flags of open(2), and whether the file is text."""
    if not isinstance(mode, str):
        raise TypeError(f"mode must be a str, not {type(mode).__name__}")
    kinds = [c for c in mode if c in _KINDS]
    rest = sorted(c for c in mode if c not in _KINDS)
    if len(kinds) != 1 or rest not in ([], ["+"], ["b"], ["t"], ["+", "b"],
                                       ["+", "t"]):
        raise ValueError(
            "mode must be one of 'r', 'w', 'a' and 'x', with '+' to read and "
            f"write, and 'b' for bytes, got {mode!r}"
        )
    flags = _KINDS[kinds[0]]
    if "+" in rest:
        flags = flags & ~(os.O_RDONLY | os.O_WRONLY) | os.O_RDWR
    return flags, "b" not in rest


@overload
def open_file(
    path: _Path, mode: _BINARY, *, permissions: int = 0o666
) -> Awaitable[File]: ...
@overload
def open_file(
    path: _Path,
    mode: str = "r",
    *,
    encoding: str | None = None,
    errors: str = "strict",
    newline: str | None = None,
    permissions: int = 0o666,
) -> Awaitable[Any]: ...
def open_file(
    path: _Path,
    mode: str = "r",
    *,
    encoding: str | None = None,
    errors: str = "strict",
    newline: str | None = None,
    permissions: int = 0o666,
) -> Awaitable[Any]:
    """Open a file; gives a File for a mode with 'b', else a TextFile.

        async with await bide.open_file(path, "rb") as f:
            data = await f.read()

    The modes are those of open(). Text is UTF-8 unless `encoding` says
    otherwise; newline=None reads "\\r\\n" as "\\n", newline="" leaves all as it
    is. A new file gets `permissions`, less the umask. A path in the system's
    memory is opened at once, others on a thread.
    """
    flags, text = _parse(mode)
    if not text:
        if encoding is not None or newline is not None:
            raise ValueError(
                "encoding and newline are for text: leave them out, or the "
                "'b' of the mode"
            )
        return _core._open_file(path, flags, permissions)
    if newline not in (None, ""):
        raise ValueError(f"newline must be None or '', got {newline!r}")
    codec = _codec(encoding or "utf-8")
    return _open_text(path, flags, permissions, codec, errors, newline)


def _codec(encoding: str) -> codecs.CodecInfo:
    codec = codecs.lookup(encoding)
    if "\n".encode(codec.name)[-1:] != b"\n" or len("\n\n".encode(
            codec.name)) != len("\n".encode(codec.name)) + 1:
        raise ValueError(
            f"encoding {encoding!r} does not end lines with the byte 10: open "
            "the file in binary mode and decode what you read"
        )
    return codec


async def _open_text(
    path: _Path,
    flags: int,
    permissions: int,
    codec: codecs.CodecInfo,
    errors: str,
    newline: str | None,
) -> TextFile:
    file = await _core._open_file(path, flags, permissions)
    return TextFile(file, codec, errors, newline)


class TextFile:
    """Text in a file, from bide.open_file(). Positions are those of the bytes
    below, `binary`. Several tasks may use one, but a task that reads a number
    of characters should have it to itself."""

    def __init__(
        self,
        file: File,
        codec: codecs.CodecInfo,
        errors: str,
        newline: str | None,
    ) -> None:
        self.binary = file
        self.encoding = codec.name
        self.errors = errors
        self.newline = newline
        self._decoder = codecs.getincrementaldecoder(codec.name)(errors)
        self._encoder = codecs.getincrementalencoder(codec.name)(errors)

    @property
    def name(self) -> Any:
        return self.binary.name

    @property
    def closed(self) -> bool:
        return self.binary.closed

    def __repr__(self) -> str:
        closed = " closed" if self.closed else ""
        return f"<TextFile {self.name!r} {self.encoding}{closed}>"

    # -- reading ---------------------------------------------------------------

    def _decode(self, data: bytes, final: bool) -> str:
        text = self._decoder.decode(data, final)
        if self.newline is None:
            text = text.replace("\r\n", "\n")
        return text

    async def read(self, n: int | None = -1) -> str:
        """Read `n` characters, fewer only at the end; -1 or None: all."""
        if n is None or n < 0:
            return self._decode(await self.binary.read(), True)
        start = await self.binary.tell()
        state = self._decoder.getstate()
        try:
            return await self._read_some(n)
        except BaseException:
            self._decoder.setstate(state)
            if not self.closed:
                with _core.shield():
                    await self.binary.seek(start)
            raise

    async def _read_some(self, n: int) -> str:
        text = ""
        while len(text) < n:
            data = await self.binary.read(n - len(text))
            more = self._decoder.decode(data, not data)
            if not data:
                return text + more
            if self.newline is None and more.endswith("\r"):
                more += await self._newline()
            text += more
            if self.newline is None:
                text = text.replace("\r\n", "\n")
        return text

    async def _newline(self) -> str:
        """The "\\n" that follows a "\\r", or nothing."""
        after = await self.binary.read(1)
        if after == b"\n":
            return self._decoder.decode(after)
        if after:
            await self.binary.seek(-1, os.SEEK_CUR)
        return ""

    async def readline(self) -> str:
        """Read a line with its end; "" at the end of the file."""
        return self._decode(await self.binary.readline(), True)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        line = await self.readline()
        if not line:
            raise StopAsyncIteration
        return line

    # -- writing ---------------------------------------------------------------

    async def write(self, text: str, /) -> int:
        """Write all of `text`; gives its length in characters."""
        if not isinstance(text, str):
            raise TypeError(
                f"text must be a str, not {type(text).__name__}; open the "
                "file with 'b' in its mode to write bytes"
            )
        await self.binary.write(self._encoder.encode(text))
        return len(text)

    async def flush(self) -> None:
        """Nothing to do: a write has reached the system when it ends."""
        await self.binary.flush()

    async def fsync(self, data_only: bool = False) -> None:
        """Wait until what was written is on the disk."""
        await self.binary.fsync(data_only)

    # -- the rest --------------------------------------------------------------

    async def seek(self, offset: int, whence: int = 0) -> int:
        """Move the position, counted in bytes; gives the new one."""
        at = await self.binary.seek(offset, whence)
        self._decoder.reset()
        if at == 0:
            self._encoder.reset()
        return at

    async def tell(self) -> int:
        """Give the position, in bytes."""
        return await self.binary.tell()

    async def truncate(self, size: int | None = None) -> int:
        """Make the file `size` bytes long, or as long as the position."""
        return await self.binary.truncate(size)

    async def stat(self) -> os.stat_result:
        """Give the file's os.stat_result."""
        return await self.binary.stat()

    def fileno(self) -> int:
        """The descriptor."""
        return self.binary.fileno()

    async def close(self) -> None:
        """Close once the operations begun before have ended."""
        await self.binary.close()

    aclose = close

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.binary.close()
