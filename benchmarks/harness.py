"""What the bench_*.py share: cases, contenders, and how a case is timed.

A bench registers one coroutine function per case and contender:

    @case("1 task", "bide")
    async def bide_one(n): ...          # n operations; returns their time, ns

and ends in `main()`. Run alone it measures every contender that is installed;
`--impl bide` measures one, `--list` prints which there are. Each measurement
is a line of JSON on stdout.

A case that waits, or whose work is done in another process, returns CPU time
instead and says so: `case(..., cpu=True)`. One whose operations are so short
that a few slices of other programs would show asks for more and longer runs:
`case(..., steady=True)`. One whose contenders can all be there at the same time has
them take turns, a fraction of a second each, so that a busy minute of the machine
strikes all alike: `case(..., fixed=n, turns=5)`, and a function of such a case is a
generator that gets ready, yields, and then yields the time of n operations each time. A
bench with contenders that are no library (bide with something switched off) registers
how they run: `contender("off", run)`.
"""

import argparse
import asyncio
import gc
import importlib
import json
import pathlib
import statistics
import sys
import time

clock = time.perf_counter_ns
cpu_clock = time.process_time_ns

# "bide loop" is asyncio's API on bide's event loop.
CONTENDERS = ("bide", "bide loop", "asyncio", "uvloop", "rloop", "trio")

# What one timed run should last, ns: long against the clock's own cost and
# the scheduler's slices, short enough for many rounds.
QUICK, FULL = 20_000_000, 100_000_000
REPEATS = 3
# The same of a steady case, whichever of the two it is: under a second in all.
STEADY, STEADY_REPEATS = 80_000_000, 7


def optional(name):
    """The module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


class Case:
    """One thing measured, by several contenders."""

    def __init__(self, name, fixed, cpu, steady, turns):
        self.name = name
        self.turns = turns
        self.fixed = fixed
        self.cpu = cpu
        self.steady = steady
        self.by = {}


_cases = {}
_runners = {}


def case(name, *contenders, fixed=None, cpu=False, steady=False, turns=0):
    """Registers the decorated function for a case. `fixed`: the number of
    operations is part of the case and is not to be tuned. `cpu`: what the
    function returns is CPU time. `steady`: it takes more and longer runs.
    `turns`: the contenders take so many turns."""
    entry = _cases.setdefault(name, Case(name, fixed, cpu, steady, turns))

    def register(fn):
        for who in contenders:
            entry.by[who] = fn
        return fn

    return register


def contender(name, run):
    """Registers a contender of this bench: `run(fn, n)` runs the coroutine
    function of a case and returns what it returned."""
    _runners[name] = run


def _run_on(loop_factory, fn, n):
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(fn(n))


def _runner(who):
    """How to run a case's function by `who`, None if it is not installed."""
    if who in _runners:
        return _runners[who]
    if who == "asyncio":
        return lambda fn, n: asyncio.run(fn(n))
    module = optional(who.split()[0])
    if module is None:
        return None
    if who in ("bide loop", "rloop"):
        return lambda fn, n: _run_on(module.new_event_loop, fn, n)
    if who == "trio":
        return module.run
    return lambda fn, n: module.run(fn(n))


def measure(run, fn, entry, full):
    """The time of one operation in ns, and how many made a run. The growing
    runs that find the number are the warm-up."""
    if entry.fixed:
        gc.collect()
        return run(fn, entry.fixed) / entry.fixed, entry.fixed
    budget = STEADY if entry.steady else FULL if full else QUICK
    n = 16
    while (elapsed := run(fn, n)) < budget / 2:
        n = int(n * min(10, max(2, budget / max(elapsed, 1))))
    samples = []
    for _ in range(STEADY_REPEATS if entry.steady else REPEATS):
        gc.collect()
        samples.append(run(fn, n) / n)
    return statistics.median(samples), n


def measure_in_turns(runs, entry):
    """(who, time of an operation, operations) of each; the median of its turns."""
    ready = {who: run(entry.by[who], entry.fixed) for who, run in runs.items()}
    times = {who: [] for who in ready}
    try:
        for turns in ready.values():
            next(turns)
        for _ in range(entry.turns):
            for who, turns in ready.items():
                times[who].append(next(turns))
    finally:
        for turns in ready.values():
            turns.close()
    for who, taken in times.items():
        yield who, statistics.median(taken) / entry.fixed, entry.fixed


def _measured(runs, entry, full):
    """(who, time of an operation, operations) of each of `runs`."""
    if entry.turns:
        yield from measure_in_turns(runs, entry)
        return
    for who, run in runs.items():
        yield who, *measure(run, entry.by[who], entry, full)


def _record(bench, entry, who, ns, n):
    record = {
        "lang": "python",
        "bench": bench,
        "case": entry.name,
        "impl": who,
        "ns": round(ns, 2),
        "n": n,
    }
    if entry.cpu:
        record["clock"] = "cpu"
    return json.dumps(record)


def main():
    bench = pathlib.Path(sys.argv[0]).stem.removeprefix("bench_")
    all_of = dict.fromkeys(who for e in _cases.values() for who in e.by)
    parser = argparse.ArgumentParser(description=f"bench {bench}")
    parser.add_argument("--impl", choices=all_of)
    parser.add_argument("--case", help="only cases whose name contains this")
    parser.add_argument("--full", action="store_true", help="longer runs")
    parser.add_argument("--list", action="store_true", help="the contenders")
    options = parser.parse_args()
    if options.list:
        print(json.dumps(list(all_of)))
        return
    if options.impl and _runner(options.impl) is None:
        sys.exit(f"ImportError: {options.impl} is not installed")
    for entry in _cases.values():
        if options.case and options.case not in entry.name:
            continue
        runs = {
            who: run
            for who in entry.by
            if options.impl in (None, who) and (run := _runner(who))
        }
        for who, ns, n in _measured(runs, entry, options.full):
            print(_record(bench, entry, who, ns, n), flush=True)
