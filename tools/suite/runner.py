"""Runs stages one after the other, logs and counts them, and sums up.

A stage is a function that gets a Log and raises Failed, or returns Counts. A
failing stage does not stop the later ones: of a build that failed in part, what
was built is tested.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .counts import Counts

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LOGS = BUILD / "logs"
TAIL = 20

# The lines of a log that tell most about a failure.
TELLING = re.compile(
    r"FAILED|Timeout|\[ +(ERROR|LINE) +\]|\b[Ee]rror:|ERROR: |WARNING: Thread|^E  |"
    r"\) test_|SUMMARY|\.lua:\d+: ")


class Failed(Exception):
    """A stage's failure, with the counts its runner printed, if any."""

    def __init__(self, message: str, counts: Counts = Counts()) -> None:
        super().__init__(message)
        self.counts = counts


class Skipped(Exception):
    """A stage that cannot run here; the message says why."""


class Log:
    """A stage's log file, and the way it runs commands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = ""
        path.write_text("")

    def note(self, line: str) -> None:
        self._append(line + "\n")

    def run(self, *command: str | Path, env: Mapping[str, str] | None = None,
            timeout: float = 900, check: bool = True,
            cwd: Path = ROOT) -> str:
        """The output of `command`, logged. Failed when it does not succeed."""
        words = [str(word) for word in command]
        self._append("$ " + " ".join(words) + "\n")
        try:
            process = subprocess.Popen(
                words, cwd=cwd, env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors="replace",
                start_new_session=True)
        except OSError as error:
            raise Failed(f"{words[0]}: {error.strerror}") from None
        with process:
            try:
                output, _ = process.communicate(timeout=timeout)
                problem = f"exit status {process.returncode}"
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, _ = process.communicate()
                problem = f"no end within {timeout:.0f} s"
        self._append(output)
        if check and process.returncode != 0:
            raise Failed(f"{words[0]}: {problem}")
        return output

    def count(self, parse: Callable[[str], Counts], *command: str | Path,
              env: Mapping[str, str] | None = None,
              timeout: float = 900) -> Counts:
        """Runs a test runner; what it counted, which must be something."""
        start = len(self.text)
        try:
            counts = parse(self.run(*command, env=env, timeout=timeout))
        except Failed as failure:
            counts = parse(self.text[start:])
            raise Failed(str(failure), Counts(
                counts.passed, max(counts.failed, 1))) from None
        if counts.failed or not counts.passed:
            raise Failed("no test ran" if not counts.passed else "failures",
                         Counts(counts.passed, max(counts.failed, 1)))
        return counts

    def excerpt(self) -> list[str]:
        """Telling lines, and the last ones."""
        lines = self.text.splitlines()
        telling = [line for line in lines[:-TAIL] if TELLING.search(line)]
        return [*telling[:2 * TAIL], *lines[-TAIL:]]

    def _append(self, text: str) -> None:
        self.text += text
        with self.path.open("a") as file:
            file.write(text)


@dataclass
class Stage:
    name: str
    run: Callable[[Log], Counts | None]
    after: Sequence[str] = ()  # stages chosen with this one, and run before


@dataclass
class Suite:
    stages: list[Stage]
    total: Counts = Counts()
    broken: list[str] = field(default_factory=list)

    def run(self) -> int:
        """Runs every stage and prints the totals; the exit status."""
        LOGS.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        for number, stage in enumerate(self.stages, 1):
            label = f"[{number:2}/{len(self.stages)}] {stage.name}"
            print(f"{label:<44}", end="", flush=True)
            self._run_one(stage)
        print(f"\nin {time.monotonic() - start:.0f} s")
        if self.broken:
            print("failed: " + ", ".join(self.broken))
        print(f"{self.total.passed} passed, {self.total.failed} failed",
              flush=True)
        return 1 if self.total.failed else 0

    def _run_one(self, stage: Stage) -> None:
        log = Log(LOGS / (stage.name.replace(" ", "-") + ".log"))
        start = time.monotonic()
        try:
            counts = self._counts(stage, log)
        except Skipped as reason:
            print(f"skipped: {reason}")
            return
        except Failed as failure:
            counts = failure.counts
            self._fail(stage, counts if counts.failed else Counts(
                counts.passed, 1), str(failure), log)
            return
        self.total += counts
        print(f"{counts.passed:5} passed  {time.monotonic() - start:6.1f} s",
              flush=True)

    def _counts(self, stage: Stage, log: Log) -> Counts:
        """What the stage counted; its own mistakes are failures, too."""
        try:
            return stage.run(log) or Counts(1, 0)
        except (Failed, Skipped):
            raise
        except Exception as error:
            log.note(traceback.format_exc())
            raise Failed(f"the stage itself: {error!r}") from None

    def _fail(self, stage: Stage, counts: Counts, why: str, log: Log) -> None:
        self.broken.append(stage.name)
        self.total += counts
        print(f"{counts.passed:5} passed, {counts.failed} FAILED: {why}",
              flush=True)
        sys.stdout.writelines(f"    | {line}\n" for line in log.excerpt())
        print(f"    the whole log: {log.path.relative_to(ROOT)}", flush=True)
