"""What the runtimes of the process measure, as instruments of OpenTelemetry.

    bide.otel.instrument(opentelemetry.metrics.get_meter("app"))

A meter calls back when it collects: nothing is done in between, and the loops
are not asked. OpenTelemetry takes no histogram from a callback: of each, its
count, sum, maximum and three quantiles are reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ._stats import stats

_QUANTILES = (0.5, 0.9, 0.99)


def quantile(histogram: dict[str, Any], q: float) -> float:
    """The value that a share `q` of a histogram of stats() does not exceed: the
    upper end of its bucket, or the maximum. 0.0: there are no values."""
    left = q * histogram["count"]
    for upper, count in histogram["buckets"]:
        left -= count
        if left <= 0:
            return float(min(upper, histogram["max"]))
    return float(histogram["max"])


def _labels(runtime: dict[str, Any]) -> dict[str, Any]:
    return {"runtime": runtime["id"], "language": runtime["language"]}


def _name(key: str) -> tuple[str, str]:
    """What an instrument is called, and its unit."""
    if key.endswith("_seconds"):
        return "bide." + key.removesuffix("_seconds"), "s"
    return "bide." + key, "1"


def instrument(meter: Any) -> None:
    """Create the instruments in `meter`: bide.steps, bide.step.count,
    bide.step.sum, bide.step.max, bide.step (with the attribute `quantile`), ...

    Call it once, before or while runtimes run with stats=True."""
    try:
        from opentelemetry.metrics import Observation
    except ImportError as exc:
        raise ImportError(
            "bide.otel.instrument() needs the package opentelemetry-api") from exc

    def counters(key: str) -> Callable[[Any], Iterator[Any]]:
        def observe(_options: Any) -> Iterator[Any]:
            for runtime in stats()["runtimes"]:
                yield Observation(runtime["counters"][key], _labels(runtime))
        return observe

    def parts(key: str, part: str) -> Callable[[Any], Iterator[Any]]:
        def observe(_options: Any) -> Iterator[Any]:
            for runtime in stats()["runtimes"]:
                if key in runtime["histograms"]:
                    yield Observation(runtime["histograms"][key][part],
                                      _labels(runtime))
        return observe

    def quantiles(key: str) -> Callable[[Any], Iterator[Any]]:
        def observe(_options: Any) -> Iterator[Any]:
            for runtime in stats()["runtimes"]:
                for q in _QUANTILES if key in runtime["histograms"] else ():
                    yield Observation(
                        quantile(runtime["histograms"][key], q),
                        {**_labels(runtime), "quantile": str(q)})
        return observe

    for key in ("steps", "polls", "blocks", "slow_locks", "stalls",
                "locks_taken"):
        meter.create_observable_counter("bide." + key, [counters(key)])
    for key in ("step_seconds", "scheduling_delay_seconds",
                "lock_wait_seconds", "lock_hold_seconds",
                "pool_queue_seconds", "channel_depth"):
        name, unit = _name(key)
        meter.create_observable_counter(name + ".count", [parts(key, "count")])
        meter.create_observable_counter(name + ".sum", [parts(key, "sum")], unit)
        meter.create_observable_gauge(name + ".max", [parts(key, "max")], unit)
        meter.create_observable_gauge(name, [quantiles(key)], unit)
