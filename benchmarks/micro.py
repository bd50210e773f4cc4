"""The bench_* programs, run in rounds: A B C A B C ..., one process each."""

import json
import statistics
import subprocess

from machine import HERE, children_on, cores, lua, program, python, tokio
from servers import last_words

LANGUAGES = ("python", "lua", "c")
IMPLS = {
    "python": ("bide", "asyncio", "uvloop", "trio"),
    "lua": ("bide", "cqueues", "bare"),
    "c": ("bide", "tokio"),
}
# In these a contender is slow enough to dominate the whole: it takes part in
# the first round only.
ONCE = {("timers", "trio"), ("timers", "uvloop")}


class Results:
    """Times in ns by (lang, bench, case, impl) and round."""

    def __init__(self):
        self.samples = {}
        self.failures = {}

    def add(self, rnd, record):
        key = tuple(record[k] for k in ("lang", "bench", "case", "impl"))
        self.samples.setdefault(key, {})[rnd] = record["ns"]

    def cases(self, lang):
        """(bench, case) pairs in the order they were measured."""
        return list(dict.fromkeys(k[1:3] for k in self.samples if k[0] == lang))

    def median(self, lang, bench, case, impl):
        rounds = self.samples.get((lang, bench, case, impl))
        return statistics.median(rounds.values()) if rounds else None

    def speedups(self, lang, bench, case, against, other=None):
        """How many times faster bide was, in each round that both have."""
        ours = self.samples.get((lang, bench, case, "bide"), {})
        place = other or (bench, case)
        theirs = self.samples.get((lang, *place, against), {})
        return [
            theirs[r] / ours[r] for r in sorted(ours.keys() & theirs.keys())
        ]


def benches(lang):
    suffix = {"python": "py", "lua": "lua", "c": "c"}[lang]
    paths = sorted(HERE.glob(f"bench_*.{suffix}"))
    return [path.stem.removeprefix("bench_") for path in paths]


def _command(lang, bench, impl, tokio_program):
    if lang == "python":
        return [python(), str(HERE / f"bench_{bench}.py"), "--impl", impl]
    if lang == "lua":
        interpreter = lua() or "lua5.4"
        return [interpreter, str(HERE / f"bench_{bench}.lua"), "--impl", impl]
    if impl == "tokio":
        return [tokio_program, bench]
    return [program(f"bench_{bench}")]


def _measure(command, cpu):
    """The records that one program printed; a RuntimeError if it failed."""
    try:
        with children_on(cpu):
            run = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(str(error)) from None
    if run.returncode:
        raise RuntimeError(f"exit {run.returncode}: {last_words(run.stderr)}")
    return [json.loads(line) for line in run.stdout.splitlines()]


def plan(langs, only, notes):
    """(lang, bench, impl, command) of all that is to be run in a round."""
    tokio_program = None
    if "c" in langs:
        tokio_program, reason = tokio()
        if not tokio_program:
            notes.append(f"Tokio left out: {reason}")
    jobs = []
    for lang in langs:
        for bench in benches(lang):
            for impl in IMPLS[lang] if only in bench else ():
                if impl != "tokio" or tokio_program:
                    command = _command(lang, bench, impl, tokio_program)
                    jobs.append((lang, bench, impl, command))
    return jobs


def run(jobs, rounds, full, progress):
    """Takes a progress step per job and round. Benches that use threads get
    both cores, the others stay on one."""
    results = Results()
    _, cpu = cores()
    for rnd in range(rounds):
        for lang, bench, impl, command in jobs:
            progress.step(f"round {rnd + 1}/{rounds}: {lang} {bench} {impl}")
            if (lang, bench, impl) in results.failures:
                continue
            if rnd > 0 and (bench, impl) in ONCE:
                continue
            threads = bench in ("blocking", "messages")
            options = ["--full"] if full else []
            try:
                for record in _measure(
                    [*command, *options], None if threads else cpu
                ):
                    results.add(rnd, record)
            except RuntimeError as error:
                results.failures[lang, bench, impl] = str(error)
    return results
