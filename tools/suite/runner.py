"""Runs stages, logs and counts them, and sums up.

A stage is a function that gets a Log and raises Failed, or returns Counts. A
failing stage does not stop the later ones: of a build that failed in part, what
was built is tested. Stages run in their order, in two lanes where there are two
processors: one that waits for servers or clocks leaves room for one that works.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
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
    alone: bool = False  # no other runs beside it


def default_lanes() -> int:
    return int(os.environ.get("BIDE_LANES") or min(2, os.cpu_count() or 1))


@dataclass
class Suite:
    stages: list[Stage]
    lanes: int = field(default_factory=default_lanes)
    total: Counts = Counts()
    broken: list[str] = field(default_factory=list)
    waiting: list[Stage] = field(default_factory=list)
    running: list[Stage] = field(default_factory=list)
    turn: threading.Condition = field(default_factory=threading.Condition)

    def run(self) -> int:
        """Runs every stage and prints the totals; the exit status."""
        LOGS.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        self.waiting = list(self.stages)
        others = [threading.Thread(target=self._lane, daemon=True)
                  for _ in range(self.lanes - 1)]
        for lane in others:
            lane.start()
        self._lane()
        for lane in others:
            lane.join()
        print(f"\nin {time.monotonic() - start:.0f} s")
        if self.broken:
            print("failed: " + ", ".join(self.broken))
        print(f"{self.total.passed} passed, {self.total.failed} failed",
              flush=True)
        return 1 if self.total.failed else 0

    def _lane(self) -> None:
        """Runs stages until none is left for it."""
        with self.turn:
            while self.waiting:
                stage = self._next()
                if stage is None:
                    self.turn.wait()
                    continue
                self.waiting.remove(stage)
                self.running.append(stage)
                self.turn.release()
                try:
                    lines = self._run_one(stage)
                finally:
                    self.turn.acquire()
                    self.running.remove(stage)
                    self.turn.notify_all()
                number = self.stages.index(stage) + 1
                label = f"[{number:2}/{len(self.stages)}] {stage.name}"
                print(f"{label:<44}" + "\n".join(lines), flush=True)

    def _next(self) -> Stage | None:
        """The first that may begin now."""
        if any(stage.alone for stage in self.running):
            return None
        unfinished = {s.name for s in [*self.waiting, *self.running]}
        for stage in self.waiting:
            if stage.alone:  # none of the later ones may overtake it
                return None if self.running else stage
            if not unfinished.intersection(stage.after):
                return stage
        return None

    def _run_one(self, stage: Stage) -> list[str]:
        """What there is to say of it, as lines."""
        log = Log(LOGS / (stage.name.replace(" ", "-") + ".log"))
        start = time.monotonic()
        try:
            counts = self._counts(stage, log)
        except Skipped as reason:
            return [f"skipped: {reason}"]
        except Failed as failure:
            counts = failure.counts
            return self._fail(stage, counts if counts.failed else Counts(
                counts.passed, 1), str(failure), log)
        with self.turn:
            self.total += counts
        return [f"{counts.passed:5} passed  "
                f"{time.monotonic() - start:6.1f} s"]

    def _counts(self, stage: Stage, log: Log) -> Counts:
        """What the stage counted; its own mistakes are failures, too."""
        try:
            return stage.run(log) or Counts(1, 0)
        except (Failed, Skipped):
            raise
        except Exception as error:
            log.note(traceback.format_exc())
            raise Failed(f"the stage itself: {error!r}") from None

    def _fail(self, stage: Stage, counts: Counts, why: str,
              log: Log) -> list[str]:
        with self.turn:
            self.broken.append(stage.name)
            self.total += counts
        return [f"{counts.passed:5} passed, {counts.failed} FAILED: {why}",
                *(f"    | {line}" for line in log.excerpt()),
                f"    the whole log: {log.path.relative_to(ROOT)}"]
