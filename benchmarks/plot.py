"""The plots of the report: how many times faster than the usual choice."""

import statistics

import groups

COLOURS = {"python": "#3b6ea5", "lua": "#a5603b", "c": "#4d8f4d"}


def file_name(group):
    return f"benchmarks-{group.name}.svg"


def bars(results, group):
    """(label, median, least, most, colour) per case with a ratio, and (label,
    colour) of who is compared; of a cost, the ratio is ours over theirs."""
    found, legend = [], []
    for lang in groups.LANGUAGES:
        for who, base in group.plotted(lang):
            colour, before = COLOURS[lang], len(found)
            for bench, case in results.cases(
                lang, groups.benches_of(results, lang, group)
            ):
                values = results.speedups(lang, bench, case, base, None, who)
                if values:
                    label = f"{bench}: {case}"
                    middle = statistics.median(values)
                    bar = (label, middle, min(values), max(values), colour)
                    found.append(bar)
            if len(found) > before:
                title = groups.TITLES[lang]
                legend.append((f"{title}: {who} against {base}", colour))
    return found, legend


def draw(results, group, path, notes):
    """Draws to `path`; False where there is nothing to draw or, with a note,
    where matplotlib is missing."""
    rows, legend = bars(results, group)
    rows.reverse()
    if not rows:
        return False
    try:
        import matplotlib
    except ImportError:
        notes.append("no plot: matplotlib is not installed")
        return False
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "bide"  # the same ids every time
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text
    from matplotlib import pyplot
    from matplotlib.patches import Patch

    figure, axes = pyplot.subplots(
        figsize=(8, 1 + 0.24 * len(rows)), layout="constrained"
    )
    middle = [row[1] for row in rows]
    less = [row[1] - row[2] for row in rows]
    more = [row[3] - row[1] for row in rows]
    axes.barh(
        range(len(rows)),
        [value - 1 for value in middle],
        left=1,
        xerr=[less, more],
        color=[row[4] for row in rows],
        error_kw={"lw": 0.8},
    )
    axes.set_yticks(range(len(rows)), [row[0] for row in rows], fontsize=7)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}x")
    axes.margins(y=0.01)
    axes.axvline(1, color="black", lw=0.8)
    axes.set_xlabel("times faster (bars: median, whiskers: all rounds)")
    axes.legend(
        handles=[
            Patch(color=colour, label=label) for label, colour in legend
        ],
        fontsize=7,
    )
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    # matplotlib leaves blanks at the ends of lines, which the house does not.
    drawing = path.read_text().splitlines()
    path.write_text("".join(line.rstrip() + "\n" for line in drawing))
    return True
