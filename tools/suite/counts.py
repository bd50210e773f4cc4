"""Reads how many tests passed and failed out of what test runners print."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    passed: int = 0
    failed: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.passed + other.passed, self.failed + other.failed)


def cmocka(text: str) -> Counts:
    """The test functions of the cmocka programs that ctest ran.

    A program that dies prints no totals: ctest's own count of failed programs
    tells of it.
    """
    passed = sum(map(int, re.findall(r"\[  PASSED  \] (\d+) test", text)))
    failed = sum(map(int, re.findall(r"\[  FAILED  \] (\d+) test", text)))
    programs = re.search(r"(\d+) tests? failed out of \d+", text)
    return Counts(passed, max(failed, int(programs[1]) if programs else 0))


def pytest(text: str) -> Counts:
    """pytest's summary line, the last one printed."""
    lines = re.findall(r"^.*\b(?:passed|failed|errors?)\b.* in [\d.]+s.*$",
                       text, re.MULTILINE)
    if not lines:
        return Counts()
    found = {word.rstrip("s"): int(number)
             for number, word in re.findall(r"(\d+) (\w+)", lines[-1])}
    return Counts(found.get("passed", 0),
                  found.get("failed", 0) + found.get("error", 0))


def luaunit(text: str) -> Counts:
    """luaunit's summary lines: one per run."""
    total = Counts()
    for line in re.findall(r"^Ran \d+ tests in .*$", text, re.MULTILINE):
        found = {word: int(number) for number, word in re.findall(
            r"(\d+) (success|failure|error)", line)}
        total += Counts(found.get("success", 0),
                        found.get("failure", 0) + found.get("error", 0))
    return total
