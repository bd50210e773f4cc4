"""make bench: everything bide promises about speed, measured and judged.

    run.py [--quick] [--group NAME[,NAME...]] [--lang python|lua|c]
           [--only TEXT] [--report] [--readme]

Groups: micro, asyncio, io, diagnostics; `none` measures nothing. Prints their
tables and whether promises are kept. What was measured stays in
build/bench-results.json, beside what earlier runs measured there of the same
sources on the same machine. `--report` writes all of it as docs/benchmarks.md
with its plots (a whole run without --quick does so by itself); `--readme`
prints the table of the README. --quick is faster and rougher.
"""

import argparse
import time

import echo_rounds
import groups
import io_rows
import machine
import memory
import micro
import readme
import report
import results
import syscalls
import table

NAMES = [group.name for group in groups.GROUPS]


def parse():
    parser = argparse.ArgumentParser(description="bide's benchmarks")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--group", help="some of: " + ", ".join(NAMES))
    parser.add_argument("--lang", choices=groups.LANGUAGES)
    parser.add_argument("--only", default="", help="benches named like this")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 7)
    chosen = options.group.split(",") if options.group else NAMES
    if unknown := set(chosen) - {*NAMES, "none"}:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    options.groups = [name for name in NAMES if name in chosen]
    options.whole_groups = not (options.lang or options.only)
    return options


def run_benches(options, group, store, notes):
    langs = (options.lang,) if options.lang else groups.LANGUAGES
    jobs = micro.plan(langs, group, options.only, notes)
    progress = table.Progress(len(jobs) * options.rounds)
    store.benches.update(
        micro.run(jobs, options.rounds, not options.quick, progress, notes)
    )
    progress.end()


def run_rows(options, store, notes):
    langs = (options.lang,) if options.lang else groups.LANGUAGES
    duration = 400 if options.quick else 1000
    store.benches.update(
        io_rows.run(options.rounds, duration, langs, options.only, notes)
    )


def run_echo(options, store, notes):
    rounds, duration = (3, 600) if options.quick else (5, 2000)
    servers = echo_rounds.SERVERS
    steps = rounds * len(servers) * len(echo_rounds.CONNECTIONS)
    progress = table.Progress(steps)
    found = echo_rounds.run(rounds, duration, progress)
    progress.end()
    store.servers.update(found)
    for title, reason in found.skipped.items():
        notes.append(f"{title} skipped: {reason}")


def run_tables(_options, store, notes):
    for tables in (memory.measure(notes), syscalls.measure(notes)):
        for title, header, rows in tables:
            store.tables[title] = (header, rows)


def run_group(options, group, store):
    """Saves after each step: what was measured stays if the next is ended."""
    notes = store.notes[group] = []
    store.days[group] = time.strftime("%Y-%m-%d")
    run_benches(options, group, store, notes)
    results.save(store)
    if group != "io":
        return
    whole = (run_echo, run_tables) if options.whole_groups else ()
    for step in (run_rows, *whole):
        try:
            step(options, store, notes)
        except Exception as error:  # one part is not to be the end of all
            notes.append(f"{step.__name__} came to an end: {error!r}")
        results.save(store)


def main():
    options = parse()
    store, same = results.load()
    if not same and options.groups:
        print("earlier results are of other sources or another machine: gone")
        store = results.Store()
    for group in options.groups:
        started = time.monotonic()
        run_group(options, group, store)
        print(report.text(store, [group]))
        print(f"{group}: {time.monotonic() - started:.0f} s\n", flush=True)
    if options.groups:
        print(f"raw samples: {results.PATH.relative_to(machine.ROOT)}")
    whole = options.groups == NAMES and options.whole_groups
    if options.report or (whole and not options.quick):
        for path in report.write(store):
            print(f"wrote {path.relative_to(machine.ROOT)}")
    if options.readme:
        print(readme.markdown(store.benches))


if __name__ == "__main__":
    main()
