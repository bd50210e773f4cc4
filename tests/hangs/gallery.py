"""Reads and runs the programs of the gallery.

A program says in its head comment what has to be reported:

    expect: TEXT     the output has TEXT; `...` is anything within a line, blanks
                     may be line breaks, and {A} is file:line of the line that
                     has A, a capital letter, as a comment of its own; {line A}
                     is the number alone. A text goes on in lines indented by
                     four more.
    never: TEXT      the output does not have it
    env: NAME=VALUE  in the environment
    signal: NAME     sent to the program once it has printed "ready"
    hangs            it does not end by itself: it is killed after the report
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

HERE = Path(__file__).resolve().parent
LANGUAGES = {"python": ".py", "lua": ".lua", "c": ".c"}
DEADLINE = float(os.environ.get("BIDE_HANG_DEADLINE", "60"))  # of one, in seconds

_LEADER = re.compile(r"^\s*(#|--|/?\*+/?)( |$)")
_KEY = re.compile(r"^(expect|never|env|signal|hangs)\b:? ?(.*)")
_MARK = re.compile(r"(?:#|--|/\*) ([A-Z])(?: \*/)?$")
_PIECE = re.compile(r"\{(line )?([A-Z])\}|(\.\.\.)|(\s+)|([^\s{.]+|.)")


@dataclass(frozen=True)
class Case:
    path: Path
    language: str

    @property
    def name(self) -> str:
        return self.path.stem

    def __str__(self) -> str:
        return f"{self.language}-{self.name}"

    @cached_property
    def marks(self) -> dict[str, int]:
        """The letters of marked lines, with the lines' numbers."""
        found: dict[str, int] = {}
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            if mark := _MARK.search(line):
                assert mark[1] not in found, f"{self}: two lines {mark[1]}"
                found[mark[1]] = number
        return found

    @cached_property
    def head(self) -> list[tuple[str, str]]:
        """Keys and values of the head comment."""
        pairs: list[tuple[str, str]] = []
        for line in self.path.read_text().splitlines():
            if not (leader := _LEADER.match(line)):
                break
            text = line[leader.end():]
            if key := _KEY.match(text):
                pairs.append((key[1], key[2].strip()))
            elif pairs and text.startswith("    "):
                last, value = pairs.pop()
                pairs.append((last, f"{value} {text.strip()}"))
        return pairs

    def values(self, key: str) -> list[str]:
        return [value for name, value in self.head if name == key]

    def pattern(self, text: str) -> re.Pattern[str]:
        """What matches an expectation."""
        def piece(found: re.Match[str]) -> str:
            line, mark, anything, blank, literal = found.groups()
            if mark:
                number = self.marks[mark]
                name = re.escape(self.path.name)
                return rf"\b{number}\b" if line else rf"(?:\S*/)?{name}:{number}\b"
            if anything:
                return ".*?"
            return r"\s+" if blank else re.escape(literal)

        return re.compile(_PIECE.sub(piece, text))

    def missing(self, output: str) -> list[str]:
        return [text for text in self.values("expect")
                if not self.pattern(text).search(output)]

    def wrong(self, output: str) -> list[str]:
        return [text for text in self.values("never")
                if self.pattern(text).search(output)]

    def command(self) -> list[str | Path]:
        if self.language == "python":
            return [sys.executable, self.path]
        if self.language == "lua":
            return [shutil.which("lua5.4") or "lua", self.path]
        return [Path(os.environ["BIDE_BUILD"]) / "tests/hangs/c" / self.name]

    def environment(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items()
                 if not name.startswith("BIDE_")}
        return {**plain, **dict(pair.split("=", 1)
                                for pair in self.values("env"))}


@dataclass
class Run:
    """A program while it runs, and afterwards."""

    case: Case
    output: str = ""
    status: int | None = None  # None: killed
    seconds: float = 0.0
    _news: threading.Condition = field(default_factory=threading.Condition)
    _ended: bool = False

    def go(self) -> Run:
        start = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in self.case.command()],
            env=self.case.environment(), cwd=HERE, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        reader = threading.Thread(target=self._read, args=(process.stdout,))
        reader.start()
        try:
            self._watch(process, start + DEADLINE)
        finally:
            if not self._ended or process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            reader.join()
            process.wait()
        if process.returncode != -signal.SIGKILL:
            self.status = process.returncode
        self.seconds = time.monotonic() - start
        return self

    def _watch(self, process: subprocess.Popen[str], deadline: float) -> None:
        for name in self.case.values("signal"):
            self._wait(lambda: "ready" in self.output, deadline)
            while not self._ended and time.monotonic() < deadline:
                process.send_signal(getattr(signal, f"SIG{name}"))
                if self._wait(lambda: not self.case.missing(self.output),
                              min(deadline, time.monotonic() + 2)):
                    break  # else the machine is busy: ask again
        hangs = bool(self.case.values("hangs"))
        if self._wait(lambda: hangs and not self.case.missing(self.output),
                      deadline) and self._ended:
            process.wait(max(1.0, deadline - time.monotonic()))

    def _wait(self, condition, deadline: float) -> bool:
        """Until it holds or the program has ended; False: out of time."""
        with self._news:
            return self._news.wait_for(lambda: self._ended or condition(),
                                       deadline - time.monotonic())

    def _read(self, pipe) -> None:
        for line in pipe:
            with self._news:
                self.output += line
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


def cases() -> list[Case]:
    return [Case(path, language) for language, suffix in LANGUAGES.items()
            for path in sorted((HERE / language).glob(f"*{suffix}"))]
