"""Child processes: what is checked and converted before one is started."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, TypeAlias

from . import _core
from ._core import Operation, Process, Stream

_Text: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
_Command: TypeAlias = _Text | Sequence[_Text]
_Stdio: TypeAlias = None | int | Stream | IO[bytes] | IO[str]

PIPE, STDOUT, DEVNULL, PTY = -1, -2, -3, -4

_SESSION, _GROUP, _EXTEND_ENV, _UMASK, _UID, _GID = 1, 2, 4, 8, 16, 32


def open_process(
    command: _Command,
    *,
    shell: bool = False,
    stdin: _Stdio = None,
    stdout: _Stdio = None,
    stderr: _Stdio = None,
    env: Mapping[str, str] | None = None,
    extra_env: Mapping[str, str | None] | None = None,
    cwd: _Text | None = None,
    executable: _Text | None = None,
    fds: Mapping[int, int] | None = None,
    new_session: bool = False,
    new_group: bool = False,
    umask: int | None = None,
    user: int | None = None,
    group: int | None = None,
    size: tuple[int, int] = (24, 80),
    grace: float = 0.0,
) -> Operation[Process]:
    """Start a program; gives a Process.

    `command` is the program and its arguments, or, with shell=True, a string
    for /bin/sh. A program without a "/" is looked for in the PATH it gets;
    `executable`, if given, is run instead of command[0].

    `stdin`, `stdout`, `stderr`: None (ours), bide.PIPE (a Stream of the
    Process), DEVNULL, PTY (a terminal of `size` rows and columns, one for all
    three), a descriptor or file, a Stream (which moves to the child: it is
    closed here); stderr=bide.STDOUT: where stdout goes. `fds` maps further
    numbers in the child to descriptors here; it gets no others.

    `env` replaces the environment, `extra_env` is put on top of it; None takes
    a name out. With `new_session` or `new_group` it leads one, which is ended
    together with it. `user` and `group` are numbers. `grace`: seconds between
    SIGTERM and SIGKILL when it is stopped; 0: SIGKILL at once.

    FileNotFoundError, PermissionError (for the program or `cwd`, see
    `filename`), OSError. A cancelled call starts nothing.
    """
    flags, mask, uid, gid = _identity(umask, user, group)
    flags |= new_session * _SESSION | new_group * _GROUP
    if env is None and extra_env is not None:
        flags |= _EXTEND_ENV
    streams = _stdio(stdin, "stdin"), _stdio(stdout, "stdout")
    return _core._spawn(
        command,
        _argv(command, shell),
        None if executable is None else _encoded(executable, "executable"),
        _environment(env, extra_env),
        None if cwd is None else _encoded(cwd, "cwd"),
        (*streams, _stdio(stderr, "stderr")),
        _fds(fds or {}),
        (flags, mask, uid, gid),
        size,
        float(grace),
    )


def _encoded(text: _Text, what: str) -> bytes:
    try:
        data = os.fsencode(text)
    except TypeError:
        raise TypeError(
            f"{what} must be str, bytes or os.PathLike, not "
            f"{type(text).__name__}"
        ) from None
    if b"\0" in data:
        raise ValueError(f"{what} must not contain a NUL, got {text!r}")
    return data


def _argv(command: _Command, shell: bool) -> tuple[bytes, ...]:
    if isinstance(command, (str, bytes, os.PathLike)):
        if not shell:
            raise TypeError(
                "command must be a list such as ['ls', '-l']; for a string "
                "that /bin/sh runs pass shell=True"
            )
        return b"/bin/sh", b"-c", _encoded(command, "command")
    if shell:
        raise TypeError("with shell=True command must be one string")
    argv = tuple(_encoded(part, "each part of command") for part in command)
    if not argv or not argv[0]:
        raise ValueError("command must begin with the name of a program")
    return argv


def _environment(
    env: Mapping[str, str] | None, extra: Mapping[str, str | None] | None
) -> tuple[bytes, ...] | None:
    if env is None and extra is None:
        return None
    if env is not None and extra is not None:
        extra = {**env, **extra}
        env = {k: v for k, v in extra.items() if v is not None}
    return tuple(_entries((extra if env is None else env) or {}))


def _entries(env: Mapping[str, str | None]) -> Iterable[bytes]:
    for name, value in env.items():
        key = _encoded(name, "a name in env")
        if not key or b"=" in key:
            raise ValueError(f"a name in env must not be {name!r}")
        if value is None:
            yield key
        else:
            yield key + b"=" + _encoded(value, "a value in env")


def _stdio(value: _Stdio, what: str) -> int | Stream | None:
    if value is None or isinstance(value, Stream):
        return value
    if not isinstance(value, int):
        if not hasattr(value, "fileno"):
            raise TypeError(
                f"{what} must be None, bide.PIPE, DEVNULL, PTY or STDOUT, a "
                f"descriptor, a file or a Stream, not {type(value).__name__}"
            )
        return value.fileno()
    least = PTY if what == "stderr" else PIPE
    if not (value >= least or value in (DEVNULL, PTY)) or value > 0x7FFF_FFFF:
        raise ValueError(f"{what} must not be {value}")
    return value


def _fds(fds: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    for number in fds:
        if not 3 <= number <= 65535:
            raise ValueError(
                f"a number in fds must be 3 to 65535, not {number}: 0 to 2 are "
                "stdin, stdout and stderr"
            )
    return tuple(fds.items())


def _identity(
    umask: int | None, user: int | None, group: int | None
) -> tuple[int, int, int, int]:
    flags, numbers = 0, []
    for value, what, most, flag in (
        (umask, "umask", 0o777, _UMASK),
        (user, "user", 0xFFFF_FFFE, _UID),
        (group, "group", 0xFFFF_FFFE, _GID),
    ):
        if value is not None:
            flags |= flag
            if not 0 <= value <= most:
                raise ValueError(f"{what} must be 0 to {most}, not {value}")
        numbers.append(value or 0)
    return flags, numbers[0], numbers[1], numbers[2]


async def leave(process: Process) -> None:
    """Process.__aexit__(): it has ended afterwards, whatever happens."""
    try:
        if process.returncode is None:
            process.stop()
            with _core.shield():
                await process.wait()
    finally:
        process.close()


# -- running one to its end ----------------------------------------------------


@dataclass(frozen=True)
class ProcessResult:
    """How a program of run_process() ended, and what it said (None: what was
    not captured)."""

    args: Any
    returncode: int
    stdout: bytes | None
    stderr: bytes | None


class ProcessError(subprocess.CalledProcessError):
    """A program of run_process(check=True) that failed: `cmd`, `returncode`,
    `stdout`, `stderr`. The message has the end of stderr."""

    def __str__(self) -> str:
        tail = (self.stderr or b"")[-1000:].decode(errors="replace").strip()
        return super().__str__() + (f"\n{tail}" if tail else "")


async def communicate(
    process: Process, input: bytes | None = None, *, limit: int | None = None
) -> tuple[bytes | None, bytes | None]:
    """Write `input` to the process, close its stdin, and read stdout and stderr
    to their ends, all at the same time; then wait for its end.

    Gives what stdout and stderr said, None for one that is no pipe. ValueError
    when one says more than `limit` bytes. Cancelled, it drops what it has read;
    the process runs on.
    """
    async with _core.TaskGroup() as group:
        if process.stdin is not None:
            group.spawn(_feed(process.stdin, input or b""))
        readers = [
            stream and group.spawn(_drain(stream, limit))
            for stream in (process.stdout, process.stderr)
        ]
    await process.wait()
    out, err = (reader and reader.result() for reader in readers)
    return out, err


def communicate_limited(
    process: Process, input: bytes | None, limit: int | None
) -> Coroutine[Any, Any, tuple[bytes | None, bytes | None]]:
    """Process.communicate()."""
    return communicate(process, input, limit=limit)


async def _feed(stdin: Stream, data: bytes) -> None:
    try:
        if data:
            await stdin.write(data)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it does not want to hear
    finally:
        stdin.close()


async def _drain(stream: Stream, limit: int | None) -> bytes:
    chunks, size = [], 0
    async for chunk in stream:
        chunks.append(chunk)
        size += len(chunk)
        if limit is not None and size > limit:
            raise ValueError(f"more output than {limit} bytes (limit)")
    return b"".join(chunks)


async def run_process(
    command: _Command,
    *,
    input: bytes | None = None,
    capture: bool = True,
    check: bool = False,
    timeout: float | None = None,
    limit: int | None = None,
    **options: Any,
) -> ProcessResult:
    """Run a program to its end; gives a ProcessResult.

        result = await bide.run_process(["git", "status"], check=True)

    `input` is written to its stdin, which is else DEVNULL; with `capture`
    stdout and stderr are kept, else they are ours. `check`: ProcessError when
    it fails. `limit`: ValueError when an output has more bytes. `timeout`:
    TimeoutError after so many seconds. `options` as for open_process(). Any
    error and a cancellation end the process (see `grace`), and wait for that.
    """
    options.setdefault("stdin", DEVNULL if input is None else PIPE)
    if capture:
        options.setdefault("stdout", PIPE)
        options.setdefault("stderr", PIPE)
    with _core.timeout(timeout):
        async with await open_process(command, **options) as process:
            try:
                out, err = await communicate(process, input, limit=limit)
            except* ValueError as group:
                raise group.exceptions[0] from None
            code = await process.wait()
    if check and code:
        raise ProcessError(code, command, out, err)
    return ProcessResult(command, code, out, err)
