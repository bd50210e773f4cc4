"""`python -m bide bench`: bide against asyncio, here and now.

Each case is one coroutine function for bide and one for asyncio, which uvloop
runs too where it is installed. They take turns in rounds, each figure is the
median over the rounds, and each ratio is taken within a round, so that what
else the machine does strikes all alike.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import importlib.util
import json
import platform
import statistics
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

import bide
from bide._bench_cases import CASES, Case


class Contender(NamedTuple):
    name: str
    run: Callable[[Coroutine[Any, Any, int]], int]

    def once(self, case: Case, n: int) -> int:
        body = case.bide if self.name == "bide" else case.asyncio
        gc.collect()
        return self.run(body(n))

    def tune(self, case: Case, budget: int) -> int:
        """How many operations last about `budget` ns; warms up, too."""
        n = case.fixed or 16
        while not case.fixed:
            elapsed = max(1, self.once(case, n))
            if elapsed >= budget // 2:
                break
            n = int(n * min(10.0, max(2.0, budget / elapsed)))
        return n


def _contenders() -> list[Contender]:
    found = [Contender("bide", bide.run), Contender("asyncio", asyncio.run)]
    if importlib.util.find_spec("uvloop"):
        uvloop: Any = importlib.import_module("uvloop")
        found.append(Contender("uvloop", uvloop.run))
    return found


class Progress:
    """A bar on stderr, where that is a terminal."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.shown = sys.stderr.isatty()

    def step(self, what: str) -> None:
        self.done += 1
        if self.shown:
            filled = 24 * self.done // self.total
            bar = "#" * filled + "." * (24 - filled)
            sys.stderr.write(f"\r[{bar}] {what:<40.40}")
            sys.stderr.flush()

    def end(self) -> None:
        if self.shown:
            sys.stderr.write(f"\r{'':70}\r")
            sys.stderr.flush()


def measure(rounds: int, budget: int) -> list[dict[str, Any]]:
    """One record per case: ns per operation of each contender, and how many
    times faster than each of them bide was."""
    contenders = _contenders()
    progress = Progress(len(CASES) * (rounds + 1))
    records = []
    for case in CASES:
        progress.step(case.title)
        counts = {c.name: c.tune(case, budget) for c in contenders}
        samples: dict[str, list[float]] = {c.name: [] for c in contenders}
        for _ in range(rounds):
            progress.step(case.title)
            for c in contenders:
                n = counts[c.name]
                samples[c.name].append(c.once(case, n) / n)
        records.append(_summary(case.title, samples))
    progress.end()
    return records


def _summary(title: str, samples: dict[str, list[float]]) -> dict[str, Any]:
    ours = samples["bide"]
    faster = {}
    for name, theirs in samples.items():
        if name != "bide":
            pairs = zip(ours, theirs, strict=True)
            ratios = sorted(b / max(a, 1e-9) for a, b in pairs)
            faster[name] = {
                "median": statistics.median(ratios),
                "least": ratios[0],
                "most": ratios[-1],
            }
    return {
        "case": title,
        "ns": {k: statistics.median(v) for k, v in samples.items()},
        "times_faster_than": faster,
    }


def _times(value: float) -> str:
    return f"{value:.0f}x" if value >= 10 else f"{value:.1f}x"


def table(records: list[dict[str, Any]]) -> str:
    names = list(records[0]["ns"])
    rivals = names[1:]
    header = ["ns per operation", *names]
    header += [f"vs {name} (least - most)" for name in rivals]
    rows = [header]
    for record in records:
        row = [record["case"]]
        row += [f"{record['ns'][name]:,.0f}" for name in names]
        for name in rivals:
            ratio = record["times_faster_than"][name]
            row.append(
                f"{_times(ratio['median'])} ({_times(ratio['least'])}"
                f" - {_times(ratio['most'])})"
            )
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        pairs = zip(row[1:], widths[1:], strict=True)
        cells += [cell.rjust(width) for cell, width in pairs]
        lines.append("  ".join(cells))
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bide bench",
        description="bide against asyncio, and uvloop where it is installed",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--full", action="store_true", help="takes minutes")
    options = parser.parse_args(arguments)
    rounds, budget = (15, 150_000_000) if options.full else (7, 50_000_000)
    records = measure(rounds, budget)
    if options.json:
        machine = {
            "python": platform.python_version(),
            "bide": bide.__version__,
        }
        print(json.dumps({"machine": machine, "cases": records}, indent=1))
        return 0
    print(
        f"bide {bide.__version__}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}"
    )
    print(table(records))
    print("Medians of rounds that take turns; ratios within each round.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
