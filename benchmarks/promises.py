"""Whether bide keeps its promises: targets.py held against the results."""

import statistics

import echo_rounds
import groups
import table
from targets import ECHO_TARGETS, promised

HEADER = ("promise", "against", "target", "measured", "")


def spread(values, show=table.times, middle=None):
    """The middle (or median) and what the rounds lie between."""
    middle = show(statistics.median(values) if middle is None else middle)
    if len(values) < 2:
        return middle
    return f"{middle} ({show(min(values))} - {show(max(values))})"


def verdict(ratio, wanted):
    """Met, or by how much it was missed."""
    return "met" if ratio >= wanted else f"missed: {ratio / wanted:.0%}"


def _cost_row(target, ratios):
    """A promise about diagnostics: what they may cost."""
    name = f"{groups.TITLES[target.lang]} {target.case}: {target.ours}"
    costs = [1 / ratio for ratio in ratios]
    bound = f"at most {table.cost(1 / target.factor)}"
    ok = verdict(statistics.median(ratios), target.factor)
    return name, target.against, bound, spread(costs, table.cost), ok


def _row(target, ratios):
    against = target.against
    if target.other:
        against += f", {target.other[0]} {target.other[1]}"
    return (
        f"{groups.TITLES[target.lang]} {target.bench}: {target.case}",
        against,
        f"at least {table.times(target.factor)}",
        spread(ratios),
        verdict(statistics.median(ratios), target.factor),
    )


def _case_rows(results, group):
    for t in promised(results):
        if groups.group_of(t.bench) != group:
            continue
        ratios = results.speedups(
            t.lang, t.bench, t.case, t.against, t.other, t.ours
        )
        if ratios and group == "diagnostics":
            yield _cost_row(t, ratios)
        elif ratios:
            yield _row(t, ratios)


def _echo_rows(results):
    for t in ECHO_TARGETS:
        for connections in echo_rounds.CONNECTIONS:
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
            yield name, t.against, bound, shown, verdict(ok, 1)


def rows(store, group):
    """The promises of a group that what was measured can answer."""
    found = list(_case_rows(store.benches, group))
    return found + (list(_echo_rows(store.servers)) if group == "io" else [])
