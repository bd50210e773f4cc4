"""The bench_* programs, run in rounds: A B C A B C ..., one process each."""

import json
import subprocess

import groups
from machine import HERE, children_on, cores, lua, program, python, tokio
from results import Results
from servers import last_words

# In these a contender is slow enough to dominate the whole: it takes part in
# the first round only.
ONCE = {("timers", "trio"), ("timers", "uvloop"), ("timers", "rloop")}


def _program(lang, bench):
    if lang == "python":
        return [python(), str(HERE / f"bench_{bench}.py")]
    if lang == "lua":
        return [lua() or "lua5.4", str(HERE / f"bench_{bench}.lua")]
    return [program(f"bench_{bench}")]


def _run(command, cpu, seconds=300):
    """What a program printed; a RuntimeError if it failed."""
    try:
        with children_on(cpu):
            run = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"not done in {seconds} s") from None
    except OSError as error:
        raise RuntimeError(str(error)) from None
    if run.returncode:
        raise RuntimeError(f"exit {run.returncode}: {last_words(run.stderr)}")
    return run.stdout


def _records(text):
    """The lines of JSON among what a program printed."""
    found = []
    for line in text.splitlines():
        try:
            record = json.loads(line)
            record["lang"], record["bench"], record["case"], record["impl"]
            record["ns"] = float(record["ns"])
        except (ValueError, KeyError, TypeError):
            continue
        found.append(record)
    return found


def contenders(lang, bench):
    """Who takes part, as the program says; None if it measures all in one go,
    or does not say."""
    if bench in groups.ALL_IN_ONE:
        return None
    try:
        names = json.loads(_run([*_program(lang, bench), "--list"], None, 20))
    except (RuntimeError, ValueError):
        return None
    return names if isinstance(names, list) else None


def plan(langs, group, only, notes):
    """(lang, bench, impl, command) of all that is to be run in a round; no
    impl where a program measures all."""
    tokio_program = None
    if "c" in langs and group == "micro":
        tokio_program, reason = tokio()
        if not tokio_program:
            notes.append(f"Tokio left out: {reason}")
    jobs = []
    for lang in langs:
        for bench in groups.benches(lang, group):
            if only not in bench:
                continue
            command = _program(lang, bench)
            for impl in contenders(lang, bench) or ("",):
                options = ["--impl", impl] if impl else []
                jobs.append((lang, bench, impl, [*command, *options]))
            if lang == "c" and tokio_program:
                jobs.append((lang, bench, "tokio", [tokio_program, bench]))
    return jobs


def _note(notes, what, reason):
    """Says why something was left out; what is not installed, once."""
    absent = reason.rpartition(": ")[2]
    if not absent.endswith("is not installed"):
        notes.append(f"{what} left out: {reason}")
    elif absent not in notes:
        notes.append(absent)


def run(jobs, rounds, full, progress, notes):
    """Takes a progress step per job and round. What fails is noted and left
    out from then on."""
    results, failed = Results(), set()
    _, cpu = cores()
    for rnd in range(rounds):
        for lang, bench, impl, command in jobs:
            progress.step(f"round {rnd + 1}/{rounds}: {lang} {bench} {impl}")
            if (lang, bench, impl) in failed:
                continue
            if rnd > 0 and (bench, impl) in ONCE:
                continue
            where = None if bench in groups.BOTH_CORES else cpu
            options = ["--full"] if full else []
            try:
                for record in _records(_run([*command, *options], where)):
                    results.add(rnd, record)
            except RuntimeError as error:
                failed.add((lang, bench, impl))
                _note(notes, f"{lang} {bench} {impl}", str(error))
    return results
