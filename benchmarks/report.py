"""The results as tables, for the terminal and for docs/benchmarks.md."""

import time

import demo
import groups
import machine
import plot
import promises
import table

DOCS = machine.ROOT / "docs"


def _impls(results, group, lang):
    """The columns of a group's table: the contenders known, then others."""
    present = results.impls(lang, groups.benches_of(results, lang, group))
    known = groups.IMPLS[lang]
    return [
        *(impl for impl in known if impl in present),
        *sorted(present.difference(known)),
    ]


def _name(results, bench, case):
    cpu = ", CPU" if (bench, case) in results.cpu else ""
    return f"{bench}: {case}{cpu}"


def case_rows(results, group, lang):
    """Times of every contender in ns, and ours' ratio to the rivals."""
    benches = groups.benches_of(results, lang, group)
    impls = _impls(results, group, lang)
    rivals = [r for r in group.rivals.get(lang, ()) if r in impls]
    header = ["case", *(f"{impl}, ns" for impl in impls)]
    header += [f"{group.ours} vs {rival} (min - max)" for rival in rivals]
    rows = []
    for bench, case in results.cases(lang, benches):
        cells = [_name(results, bench, case)]
        for impl in impls:
            ns = results.median(lang, bench, case, impl)
            cells.append("" if ns is None else table.nanoseconds(ns))
        for rival in rivals:
            ratios = results.speedups(lang, bench, case, rival, None, group.ours)
            cells.append(promises.spread(ratios) if ratios else "")
        rows.append(cells)
    return header, rows


def cost_rows(results, lang):
    """What each setting of the diagnostics costs over having none."""
    present = results.impls(lang, ("diagnostics",))
    off, *known = groups.COSTS
    settings = [impl for impl in known if impl in present]
    header = ["case", f"{off}, ns"]
    for setting in settings:
        header += [f"{setting}, ns", "cost (min - max)"]
    rows = []
    for bench, case in results.cases(lang, ("diagnostics",)):
        ns = results.median(lang, bench, case, off)
        if ns is None:
            continue
        cells = [_name(results, bench, case), table.nanoseconds(ns)]
        for setting in settings:
            ns = results.median(lang, bench, case, setting)
            costs = [
                1 / ratio
                for ratio in results.speedups(
                    lang, bench, case, off, None, setting
                )
            ]
            cells.append("" if ns is None else table.nanoseconds(ns))
            cells.append(promises.spread(costs, table.cost) if costs else "")
        rows.append(cells)
    return header, rows


def _group_tables(store, group):
    """(title, header, rows) of a group's tables."""
    found = []
    for lang in groups.LANGUAGES:
        if group.name == "diagnostics":
            header, rows = cost_rows(store.benches, lang)
        else:
            header, rows = case_rows(store.benches, group, lang)
        found.append((groups.TITLES[lang], header, rows))
    if group.name == "io":
        rows = demo.rows(store.servers, demo.SERVERS)
        found.append(("Echo servers, 1 KiB", demo.HEADER, rows))
        found += [(title, *rest) for title, rest in store.tables.items()]
    rows = promises.rows(store, group.name)
    kept = sum(row[-1] == "met" for row in rows)
    title = f"Promises: {kept} of {len(rows)} kept"
    found.append((title, promises.HEADER, rows))
    return [part for part in found if part[2]]


def parts(store):
    """(group, its tables) of all that was measured."""
    for group in groups.GROUPS:
        tables = _group_tables(store, group)
        if tables:
            yield group, tables


def text(store, names):
    """The groups of these names, for the terminal."""
    out = []
    for group, tables in parts(store):
        for title, header, rows in tables if group.name in names else ():
            out += [f"{group.title}: {title}".upper()]
            out += [table.text(header, rows), ""]
    for name in names:
        out += [f"note: {note}" for note in store.notes.get(name, ())]
    return "\n".join(out)


INTRODUCTION = """\
# Benchmarks

Written by `make bench` on {day}. Absolute times are this machine's; what
carries over are the ratios. Contenders take turns, round by round (A B C A B C
...), each in a fresh process; servers of a row are all up at the same time and take turns
of a fraction of a second within a round. A figure is the median over the rounds, a ratio
is taken within each round, its smallest and largest value stand in brackets. A promise
missed is said to be missed; [where-we-lose.md](where-we-lose.md) says why.

Times are wall-clock time on an otherwise idle core; where a case waits for
others it is CPU time, and says so.
"""


def write(store):
    """Writes docs/benchmarks.md and its plots; their paths."""
    DOCS.mkdir(exist_ok=True)
    page = DOCS / "benchmarks.md"
    paths, notes = [page], store.all_notes()
    out = [INTRODUCTION.format(day=time.strftime("%Y-%m-%d"))]
    out.append(table.markdown(("machine", ""), machine.describe()))
    for group, tables in parts(store):
        out += [f"\n## {group.title}\n"]
        out += [group.about] if group.about else []
        picture = DOCS / plot.file_name(group)
        if plot.draw(store.benches, group, picture, notes):
            out.append(f"\n![ratios: {group.title}]({picture.name})")
            paths.append(picture)
        for title, header, rows in tables:
            out += [f"\n### {title}\n", table.markdown(header, rows)]
            if header is demo.HEADER:
                out.append("\n" + demo.EXPLANATION)
    if notes:
        out.append("\n## Notes\n")
        out += [f"- {note}" for note in dict.fromkeys(notes)]
    page.write_text("\n".join(out) + "\n")
    for old in set(DOCS.glob("benchmarks*.svg")).difference(paths):
        old.unlink()  # of a group that is no more
    return paths
