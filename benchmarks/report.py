"""The results as tables, for the terminal and for docs/benchmarks.md."""

import dataclasses
import statistics
import time

import demo
import machine
import micro
import plot
import table
from targets import ECHO_TARGETS, TARGETS

DOCS = machine.ROOT / "docs"
TITLES = {"python": "Python", "lua": "Lua", "c": "C core"}


@dataclasses.dataclass
class Sections:
    """What was measured; what was not is None."""

    quick: bool
    rounds: int
    notes: list
    micro: object = None
    echo: object = None
    memory: list = None
    syscalls: list = None


def spread(values, show=table.times, middle=None):
    """The middle (or median) and what the rounds lie between."""
    middle = show(statistics.median(values) if middle is None else middle)
    if len(values) < 2:
        return middle
    return f"{middle} ({show(min(values))} - {show(max(values))})"


def micro_rows(results, lang):
    """Times of every contender in ns, and bide's ratio to the first rival."""
    impls = micro.IMPLS[lang]
    header = ["case", *(f"{impl}, ns" for impl in impls)]
    header.append(f"bide vs {impls[1]} (min - max)")
    rows = []
    for bench, case in results.cases(lang):
        cells = [f"{bench}: {case}"]
        for impl in impls:
            ns = results.median(lang, bench, case, impl)
            cells.append("" if ns is None else table.nanoseconds(ns))
        speedups = results.speedups(lang, bench, case, impls[1])
        cells.append(spread(speedups) if speedups else "")
        rows.append(cells)
    return header, rows


def verdict(ratio, wanted):
    """Met, or by how much it was missed."""
    return "met" if ratio >= wanted else f"missed: {ratio / wanted:.0%}"


def target_rows(results):
    rows = []
    for t in TARGETS:
        speedups = results.speedups(t.lang, t.bench, t.case, t.against, t.other)
        if not speedups:
            continue
        against = t.against
        if t.other:
            against += f", {t.other[0]} {t.other[1]}"
        rows.append(
            (
                f"{TITLES[t.lang]} {t.bench}: {t.case}",
                against,
                f"at least {table.times(t.factor)}",
                spread(speedups),
                verdict(statistics.median(speedups), t.factor),
            )
        )
    return rows


def echo_target_rows(results):
    rows = []
    for t in ECHO_TARGETS:
        for connections in demo.echo_rounds.CONNECTIONS:
            ratios = results.ratios(t.server, t.against, connections, t.key)
            if not ratios:
                continue
            middle = results.ratio(t.server, t.against, connections, t.key)
            if t.wants_less:
                what, bound = "user CPU", f"at most {table.share(t.bound)}"
                shown = spread(ratios, table.share, middle)
                ok = t.bound / max(middle, 1e-9)
            else:
                what, bound = "rate", f"at least {t.bound:.0%}"
                shown = spread(ratios, lambda ratio: f"{ratio:.0%}", middle)
                ok = middle / t.bound
            name = f"echo, {connections}: {t.server}, {what}"
            rows.append((name, t.against, bound, shown, verdict(ok, 1)))
    return rows


TARGET_HEADER = ("promise", "against", "target", "measured", "")


def parts(sections):
    """(title, header, rows) of every table there is."""
    results, tables = sections.micro, []
    rows = target_rows(results)
    if sections.echo:
        rows += echo_target_rows(sections.echo)
    if rows:
        tables.append(("Targets", TARGET_HEADER, rows))
    for lang in micro.LANGUAGES:
        header, rows = micro_rows(results, lang)
        if rows:
            tables.append((TITLES[lang], header, rows))
    if sections.echo:
        rows = demo.rows(sections.echo, demo.SERVERS)
        tables.append(("Echo servers, 1 KiB", demo.HEADER, rows))
    for extra in (sections.memory, sections.syscalls):
        tables.extend(extra or ())
    return tables


def text(sections):
    out = []
    for title, header, rows in parts(sections):
        out += [title.upper(), table.text(header, rows), ""]
    out += [f"note: {note}" for note in sections.notes]
    return "\n".join(out)


INTRODUCTION = """\
# Benchmarks

Written by `make bench` on {day}. Absolute times are this machine's; what
carries over are the ratios. Contenders take turns, round by round (A B C A B C
...), each in a fresh process; a figure is the median over {rounds} rounds, a
ratio is taken within each round, its smallest and largest value stand in
brackets. A target missed is said to be missed.

How to read the cases: each is one file, `benchmarks/bench_<name>`, with the
same name in each language; its first lines say what an operation is.
"""


def write(sections):
    """Writes docs/benchmarks.md and its plot; their paths."""
    DOCS.mkdir(exist_ok=True)
    page, picture = DOCS / "benchmarks.md", DOCS / "benchmarks.svg"
    out = [
        INTRODUCTION.format(
            day=time.strftime("%Y-%m-%d"), rounds=sections.rounds
        )
    ]
    out.append(table.markdown(("machine", ""), machine.describe()))
    paths = [page]
    if plot.draw(sections.micro, picture, sections.notes):
        out.append(f"\n![bide's speed against its rivals]({picture.name})")
        paths.append(picture)
    for title, header, rows in parts(sections):
        out += [f"\n## {title}\n", table.markdown(header, rows)]
    if sections.echo:
        out.append("\n" + demo.EXPLANATION)
    if sections.notes:
        out.append("\n## Notes\n")
        out += [f"- {note}" for note in sections.notes]
    page.write_text("\n".join(out) + "\n")
    return paths
