"""make bench: everything bide promises about speed, measured and judged.

    run.py [--quick] [--lang python|lua|c] [--only TEXT] [--no-echo]
           [--report]

Prints a table per language with the targets and whether they are met, then
the echo servers', memory's and the system calls'. Without --quick it takes
long enough to be quoted, and writes docs/benchmarks.md with its plot; --quick
does so only with --report.
"""

import argparse
import json

import demo
import echo_rounds
import machine
import memory
import micro
import report
import syscalls
import table


def parse():
    parser = argparse.ArgumentParser(description="bide's benchmarks")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--lang", choices=micro.LANGUAGES)
    parser.add_argument("--only", default="", help="benches named like this")
    parser.add_argument("--no-echo", action="store_true")
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 7)
    options.whole = not (options.lang or options.only)
    return options


def run_micro(options, notes):
    langs = (options.lang,) if options.lang else micro.LANGUAGES
    jobs = micro.plan(langs, options.only, notes)
    progress = table.Progress(len(jobs) * options.rounds)
    results = micro.run(jobs, options.rounds, not options.quick, progress)
    progress.end()
    for (lang, bench, impl), reason in results.failures.items():
        notes.append(f"{lang} {bench} {impl} failed: {reason}")
    return results


def run_echo(options, notes):
    rounds, duration = (3, 1000) if options.quick else (5, 2000)
    steps = rounds * len(demo.SERVERS) * len(echo_rounds.CONNECTIONS)
    progress = table.Progress(steps)
    results = echo_rounds.run(rounds, duration, progress)
    progress.end()
    for title, reason in results.skipped.items():
        notes.append(f"{title} skipped: {reason}")
    return results


def save(sections):
    """Keeps the raw samples beside the builds."""
    path = machine.ROOT / "build/bench-results.json"
    path.parent.mkdir(exist_ok=True)
    raw = {
        "machine": machine.describe(),
        "micro": [[*k, v] for k, v in sections.micro.samples.items()],
    }
    if sections.echo:
        raw["echo"] = [[*k, v] for k, v in sections.echo.samples.items()]
    path.write_text(json.dumps(raw, indent=1) + "\n")
    return path


def main():
    options = parse()
    notes = []
    sections = report.Sections(options.quick, options.rounds, notes)
    sections.micro = run_micro(options, notes)
    if options.whole and not options.no_echo:
        sections.echo = run_echo(options, notes)
        sections.memory = memory.measure(notes)
        sections.syscalls = syscalls.measure(notes)
    print(report.text(sections))
    print(f"raw samples: {save(sections).relative_to(machine.ROOT)}")
    if options.report or (options.whole and not options.quick):
        for path in report.write(sections):
            print(f"wrote {path.relative_to(machine.ROOT)}")


if __name__ == "__main__":
    main()
