"""The benchmarks' bookkeeping: results kept, merged, and held against promises."""

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
MODULES = ("groups", "micro", "promises", "readme", "report", "results")


@pytest.fixture
def bench(monkeypatch):
    """The modules of benchmarks/, gone from sys.modules afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield {name: importlib.import_module(name) for name in MODULES}
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(
                BENCHMARKS):
            del sys.modules[name]


def record(bench, case, impl, ns, lang="python", **more):
    return {"lang": lang, "bench": bench, "case": case, "impl": impl, "ns": ns,
            **more}


def test_ratios_are_of_rounds_that_both_have(bench):
    results = bench["results"].Results()
    for rnd, ns in enumerate((10, 20)):
        results.add(rnd, record("mutex", "free", "bide", ns))
    results.add(1, record("mutex", "free", "asyncio", 100))
    assert results.speedups("python", "mutex", "free", "asyncio") == [5]
    assert results.median("python", "mutex", "free", "bide") == 15
    assert results.speedups("python", "mutex", "free", "trio") == []


def test_results_of_separate_runs_come_together(bench, monkeypatch, tmp_path):
    results = bench["results"]
    monkeypatch.setattr(results, "PATH", tmp_path / "results.json")
    monkeypatch.setattr(results, "identity", lambda: ["these sources"])
    first = results.Store()
    first.benches.add(0, record("timers", "all", "bide", 7, clock="cpu"))
    first.servers.add("libuv, C", 64, 0, {"rate": 1.0})
    first.notes["micro"] = ["uvloop is not installed"]
    results.save(first)

    store, same = results.load()
    assert same
    second = results.Results()
    second.add(0, record("aio_loop", "call_soon", "bide loop", 5))
    store.benches.update(second)
    results.save(store)

    store, _ = results.load()
    assert store.benches.cases("python") == [("timers", "all"),
                                             ("aio_loop", "call_soon")]
    assert store.benches.cpu == {("timers", "all")}
    assert store.servers.figure("libuv, C", 64, "rate") == 1.0
    assert store.all_notes() == ["uvloop is not installed"]


def test_results_of_other_sources_are_told_apart(bench, monkeypatch, tmp_path):
    results = bench["results"]
    monkeypatch.setattr(results, "PATH", tmp_path / "results.json")
    monkeypatch.setattr(results, "identity", lambda: ["these sources"])
    results.save(results.Store())
    monkeypatch.setattr(results, "identity", lambda: ["others"])
    assert not results.load()[1]


def test_a_promise_of_a_group_holds_in_each_case(bench):
    store = bench["results"].Store()
    for case, ours in (("call_soon", 50), ("create_future", 125)):
        store.benches.add(0, record("aio_loop", case, "bide loop", ours))
        store.benches.add(0, record("aio_loop", case, "uvloop", 100))
    rows = bench["promises"].rows(store, "asyncio")
    assert [row[-1] for row in rows] == ["met", "missed: 80%"]


def test_a_cost_is_shown_in_percent(bench):
    store = bench["results"].Store()
    for impl, ns in (("off", 100), ("bide", 103), ("watchdog and stats", 112)):
        store.benches.add(0, record("diagnostics", "switch", impl, ns))
    rows = bench["promises"].rows(store, "diagnostics")
    assert [row[2:4] for row in rows] == [("at most 5 %", "3 %"),
                                          ("at most 10 %", "12 %")]
    assert [row[-1] for row in rows] == ["met", "missed: 98%"]
    _, tables = next(iter(bench["report"].parts(store)))
    assert tables[0][2] == [["diagnostics: switch", "100", "103", "3 %", "112",
                             "12 %"]]


def test_what_fails_is_a_note(bench):
    micro, notes = bench["micro"], []
    program = [sys.executable, "-c"]
    line = '{"lang": "c", "bench": "b", "case": "c", "impl": "i", "ns": 3}'
    jobs = [
        ("c", "b", "i", [*program, f"print('hello'); print('''{line}''')"]),
        ("c", "b", "gone", [*program, "import sys; sys.exit('Error: gone')"]),
        ("c", "b", "absent", [*program, "import sys; sys.exit("
                              "'ImportError: x is not installed')"]),
    ]

    class Progress:
        def step(self, what):
            pass

    results = micro.run(jobs, 2, False, Progress(), notes)
    assert results.samples == {("c", "b", "c", "i"): {0: 3.0, 1: 3.0}}
    assert notes == ["c b gone left out: exit 1: Error: gone",
                     "x is not installed"]
