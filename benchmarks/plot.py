"""The plot of the report: how many times faster than the usual choice."""

import statistics

import micro

# The rival that a language's bars are measured against, and their colour.
BASES = {
    "python": ("asyncio", "#3b6ea5"),
    "lua": ("cqueues", "#a5603b"),
    "c": ("tokio", "#4d8f4d"),
}


def bars(results):
    """(label, median, least, most, colour) per case with a ratio."""
    found = []
    for lang in micro.LANGUAGES:
        base, colour = BASES[lang]
        for bench, case in results.cases(lang):
            values = results.speedups(lang, bench, case, base)
            if values:
                label = f"{bench}: {case}"
                middle = statistics.median(values)
                spread = (middle, min(values), max(values))
                found.append((label, *spread, colour))
    return found


def draw(results, path, notes):
    """Draws to `path`; False, and a note, where matplotlib is missing."""
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

    rows = bars(results)[::-1]
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
            Patch(color=colour, label=f"{lang}: bide against {base}")
            for lang, (base, colour) in BASES.items()
        ],
        fontsize=7,
    )
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    # matplotlib leaves blanks at the ends of lines, which the house does not.
    drawing = path.read_text().splitlines()
    path.write_text("".join(line.rstrip() + "\n" for line in drawing))
    return True
