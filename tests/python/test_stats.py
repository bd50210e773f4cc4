"""What runtimes measure of themselves."""

import json
import os
import subprocess
import sys
import threading
import time

import bide
import pytest


def mine():
    """Of the newest runtime."""
    return bide.stats()["runtimes"][-1]


async def three_steps():
    await bide.yield_now()
    await bide.yield_now()
    return mine()


def test_stats_are_off_by_default():
    stats = bide.run(three_steps())
    assert stats["language"] == "Python"
    assert not stats["enabled"]
    assert stats["histograms"] == {}
    assert stats["counters"]["steps"] >= 3


def test_stats_are_turned_on_by_the_environment():
    text = ("import bide\nasync def main():\n"
            "    print(bide.stats()['runtimes'][0]['enabled'])\n"
            "bide.run(main())\n")
    for value, wanted in (("1", "True\n"), ("0", "False\n"), ("", "False\n")):
        done = subprocess.run([sys.executable, "-c", text], check=True,
                              capture_output=True, text=True, timeout=60,
                              env={**os.environ, "BIDE_STATS": value})
        assert done.stdout == wanted


def test_stats_measure_steps():
    async def main():
        stats = await three_steps()
        (runtime,) = json.loads(bide.dump("json"))["runtimes"]
        return stats, runtime["tasks"][0]

    stats, task = bide.run(main(), stats=True)
    steps = stats["histograms"]["step_seconds"]
    assert steps["count"] >= 2
    assert sum(n for _, n in steps["buckets"]) == steps["count"]
    assert 0 < steps["max"] <= steps["sum"]
    assert stats["histograms"]["scheduling_delay_seconds"]["count"] >= 3
    assert task["resumes"] == 3
    assert task["busy"] > 0


def test_stats_sample_short_steps():
    async def main():
        for _ in range(100_000):
            await bide.yield_now()
        end = time.monotonic() + 0.05
        while time.monotonic() < end:
            pass
        for _ in range(1000):
            await bide.yield_now()
        return bide.stats()["runtimes"][0]["histograms"]["step_seconds"]

    steps = bide.run(main(), stats=True)
    assert 80_000 < steps["count"] <= 101_003
    assert steps["max"] > 0.03


def test_stats_measure_locks():
    async def hold(lock):
        async with lock:
            await bide.sleep(2)

    async def main():
        lock = bide.Mutex()
        async with bide.TaskGroup() as group:
            group.spawn(hold(lock))
            group.spawn(hold(lock))
        return mine()

    stats = bide.run(main(), stats=True, virtual_clock=True)
    hold, wait = (stats["histograms"][f"lock_{name}_seconds"]
                  for name in ("hold", "wait"))
    assert (hold["count"], hold["sum"]) == (2, 4)
    assert (wait["count"], wait["max"]) == (1, 2)
    assert hold["buckets"] == [[2.147483647, 2]]
    assert stats["counters"]["locks_taken"] == 2


def test_stats_measure_channels():
    async def main():
        channel = bide.Channel(3)
        await channel.send(1)
        await channel.send(2)
        channel.try_send(3)
        return mine()

    depth = bide.run(main(), stats=True)["histograms"]["channel_depth"]
    assert depth == {"count": 3, "sum": 3, "max": 2,
                     "buckets": [[0, 1], [1, 1], [2, 1]]}


def test_stats_measure_the_pool():
    async def main():
        await bide.spawn_blocking(int)
        return mine()

    stats = bide.run(main(), stats=True)
    assert stats["histograms"]["pool_queue_seconds"]["count"] == 1


def test_stats_are_read_while_the_loop_is_blocked():
    go, done = threading.Event(), threading.Event()
    seen = []

    def look():
        go.wait(20)
        seen.append((mine(), bide.metrics()))
        done.set()

    async def main():
        await bide.yield_now()
        go.set()
        assert done.wait(20)

    thread = threading.Thread(target=look)
    thread.start()
    bide.run(main(), stats=True)
    thread.join()
    ((stats, metrics),) = seen
    assert stats["enabled"]
    assert metrics.endswith("# EOF\n")


def test_metrics_are_valid():
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")

    async def main():
        async with bide.Mutex():
            await bide.spawn_blocking(int)
        channel = bide.Channel(300)
        await channel.send(0)
        for i in range(1, 300):
            channel.try_send(i)
        return bide.metrics()

    text = bide.run(main(), stats=True)
    families = {f.name: f for f in parser.text_string_to_metric_families(text)}
    assert families["bide_steps"].type == "counter"
    steps = families["bide_step_seconds"]
    assert (steps.type, steps.unit) == ("histogram", "seconds")
    depth = {s.labels["le"]: s.value
             for s in families["bide_channel_depth"].samples
             if s.name.endswith("_bucket")}
    assert depth["0.0"] == 1
    assert depth["255.0"] == 256
    assert depth["+Inf"] == 300
    assert not list(parser.text_string_to_metric_families(bide.metrics()))[
        -1].samples, "a runtime that is gone is not told of"


def test_otel_reports_what_was_measured():
    sdk = pytest.importorskip("opentelemetry.sdk.metrics")
    export = pytest.importorskip("opentelemetry.sdk.metrics.export")
    from bide import otel
    reader = export.InMemoryMetricReader()
    provider = sdk.MeterProvider([reader])
    otel.instrument(provider.get_meter("test"))

    async def main():
        channel = bide.Channel(3)
        for i in range(3):
            await channel.send(i)
        return reader.get_metrics_data()

    data = bide.run(main(), stats=True)
    provider.shutdown()
    metrics = {m.name: m
               for m in data.resource_metrics[0].scope_metrics[0].metrics}
    (total,) = metrics["bide.channel_depth.sum"].data.data_points
    assert total.value == 0 + 1 + 2
    assert total.attributes["language"] == "Python"
    depths = {p.attributes["quantile"]: p.value
              for p in metrics["bide.channel_depth"].data.data_points}
    assert depths == {"0.5": 1, "0.9": 2, "0.99": 2}
    assert metrics["bide.lock_wait.max"].unit == "s"
    (steps,) = metrics["bide.steps"].data.data_points
    assert steps.value >= 1
