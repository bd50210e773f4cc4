"""What the bench_*.py share: cases, contenders, and how a case is timed.

A bench registers one coroutine function per case and contender:

    @case("1 task", "bide")
    async def bide_one(n): ...          # n operations; returns their time, ns

and ends in `main()`. Run alone it measures every contender that is installed;
`--impl bide` measures one, `--list` prints which there are. Each measurement
is a line of JSON on stdout.

A case that waits, or whose work is done in another process, returns CPU time
instead and says so: `case(..., cpu=True)`. With `case(..., turns=15)` its contenders
have a process each and take turns, a fraction of a second long, so that a busy minute
of the machine strikes all alike. One that sets something up for all its turns says how
many operations make one: `case(..., fixed=n, turns=5)`; its functions are generators,
which get ready, yield, and then yield the time of n operations each time. A
bench with contenders that are no library (bide with something switched off) registers
how they run: `contender("off", run)`.
"""

import argparse
import asyncio
import functools
import gc
import importlib
import json
import pathlib
import random
import statistics
import subprocess
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


def optional(name):
    """The module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


class Case:
    """One thing measured, by several contenders."""

    def __init__(self, name, fixed, cpu, turns):
        self.name = name
        self.turns = turns
        self.fixed = fixed
        self.cpu = cpu
        self.by = {}


_cases = {}
_runners = {}


def case(name, *contenders, fixed=None, cpu=False, turns=0):
    """Registers the decorated function for a case. `fixed`: the number of
    operations is part of the case and is not to be tuned. `cpu`: what the
    function returns is CPU time. `turns`: the contenders take so many turns."""
    entry = _cases.setdefault(name, Case(name, fixed, cpu, turns))

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


def _grown(run, full):
    """How many operations make a run. The growing runs are the warm-up."""
    budget = FULL if full else QUICK
    n = 16
    while (elapsed := run(n)) < budget / 2:
        n = int(n * min(10, max(2, budget / max(elapsed, 1))))
    return n


def measure(run, fn, entry, full):
    """The time of one operation in ns, and how many made a run."""
    if entry.fixed:
        gc.collect()
        return run(fn, entry.fixed) / entry.fixed, entry.fixed
    n = _grown(functools.partial(run, fn), full)
    samples = []
    for _ in range(REPEATS):
        gc.collect()
        samples.append(run(fn, n) / n)
    return statistics.median(samples), n


def in_turns(names, turns):
    """Who is next, so many times each. In another order each time: the machine may
    have a rhythm of its own, of a tenth of a second as a rule."""
    dice = random.Random(1)
    names = list(names)
    for _ in range(turns):
        dice.shuffle(names)
        yield from names


def medians(names, turns, take):
    """What `take(who)` gives, in the middle of so many turns each."""
    taken = {who: [] for who in names}
    for who in in_turns(names, turns):
        taken[who].append(take(who))
    return {who: statistics.median(found) for who, found in taken.items()}


def measure_in_turns(runs, entry):
    """(who, time of an operation, operations) of each; the median of its turns."""
    ready = {who: run(entry.by[who], entry.fixed) for who, run in runs.items()}
    try:
        for turns in ready.values():
            next(turns)
        times = medians(ready, entry.turns, lambda who: next(ready[who]))
    finally:
        for turns in ready.values():
            turns.close()
    for who, took in times.items():
        yield who, took / entry.fixed, entry.fixed


class Worker:
    """A process of this bench for a contender, which runs what it is told to."""

    def __init__(self, who):
        self.who = who
        self.process = subprocess.Popen(
            [sys.executable, sys.argv[0], "--impl", who, "--worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, entry, n):
        """The time of `n` operations."""
        print(json.dumps([entry.name, n]), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{entry.name}: the process of {self.who} has ended")
        return int(line)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def work(who):
    """What a worker does."""
    run = _runner(who)
    for line in sys.stdin:
        name, n = json.loads(line)
        gc.collect()
        print(round(run(_cases[name].by[who], n)), flush=True)


_workers = {}


def measure_by_workers(names, entry, full):
    """(who, time of an operation, operations) of each; the median of its turns."""
    for who in names:
        if who not in _workers:
            _workers[who] = Worker(who)
    count = {
        who: _grown(functools.partial(_workers[who].run, entry), full)
        for who in names
    }
    times = medians(
        names, entry.turns, lambda who: _workers[who].run(entry, count[who])
    )
    for who, took in times.items():
        yield who, took / count[who], count[who]


def _measured(runs, entry, full):
    """(who, time of an operation, operations) of each of `runs`."""
    if entry.turns and not entry.fixed:
        yield from measure_by_workers(runs, entry, full)
        return
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
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.list:
        print(json.dumps(list(all_of)))
        return
    if options.impl and _runner(options.impl) is None:
        sys.exit(f"ImportError: {options.impl} is not installed")
    if options.worker:
        work(options.impl)
        return
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
    for worker in _workers.values():
        worker.stop()
