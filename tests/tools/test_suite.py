"""The suite's own parts: reading counts, running and summing up stages."""

import sys
import threading
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

from suite import runner  # noqa: E402
from suite.counts import Counts, cmocka, luaunit  # noqa: E402
from suite.counts import pytest as of_pytest  # noqa: E402
from suite.healthy import reports  # noqa: E402
from suite.runner import Failed, Log, Skipped, Stage, Suite  # noqa: E402


@pytest.mark.parametrize(("text", "expected"), [
    ("1: [  PASSED  ] 5 test(s).\n2: [  PASSED  ] 7 test(s).\n"
     "100% tests passed, 0 tests failed out of 2\n", Counts(12, 0)),
    ("1: [  PASSED  ] 5 test(s).\n1: [  FAILED  ] 2 test(s), listed below:\n"
     "50% tests passed, 1 tests failed out of 2\n", Counts(5, 2)),
    ("1: [  PASSED  ] 5 test(s).\n"
     "50% tests passed, 1 tests failed out of 2\n", Counts(5, 1)),
    ("No tests were found!!!\n", Counts(0, 0)),
])
def test_cmocka(text: str, expected: Counts) -> None:
    assert cmocka(text) == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("12 passed in 0.40s\n", Counts(12, 0)),
    ("===== 3 failed, 12 passed, 1 skipped in 1.2s =====\n", Counts(12, 3)),
    ("1 failed, 2 errors in 0.40s\n", Counts(0, 3)),
    ("1 passed in 0.1s\nthen\n2 passed, 1 error in 61.00s (0:01:01)\n",
     Counts(2, 1)),
    ("no tests ran in 0.01s\n", Counts(0, 0)),
    ("Segmentation fault\n", Counts(0, 0)),
])
def test_pytest(text: str, expected: Counts) -> None:
    assert of_pytest(text) == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("Ran 5 tests in 0.000 seconds, 5 successes, 0 failures\nOK\n",
     Counts(5, 0)),
    ("Ran 4 tests in 0.1 seconds, 1 success, 2 failures, 1 error\n",
     Counts(1, 3)),
    ("Ran 2 tests in 0.1 seconds, 2 successes, 0 failures\n" * 2,
     Counts(4, 0)),
    ("lua5.4: attempt to call nil\n", Counts(0, 0)),
])
def test_luaunit(text: str, expected: Counts) -> None:
    assert luaunit(text) == expected


def test_a_runner_that_dies_counts_as_a_failure(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    with pytest.raises(Failed) as caught:
        log.count(of_pytest, "sh", "-c", "echo '3 passed in 1s'; kill -SEGV $$")
    assert caught.value.counts == Counts(3, 1)
    assert "exit status -11" in str(caught.value)


def test_a_runner_that_runs_nothing_counts_as_a_failure(
        tmp_path: Path) -> None:
    with pytest.raises(Failed) as caught:
        Log(tmp_path / "log").count(of_pytest, "true")
    assert caught.value.counts == Counts(0, 1)


def test_a_command_past_its_time_is_ended(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="no end within 0 s"):
        Log(tmp_path / "log").run("sh", "-c", "sleep 60 & wait", timeout=0.2)


def test_a_command_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="/no/such: No such file"):
        Log(tmp_path / "log").run("/no/such")


def test_a_failing_stage_hides_none(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(runner, "LOGS", tmp_path)
    monkeypatch.setattr(runner, "ROOT", tmp_path)

    def break_down(log: Log) -> None:
        log.run("sh", "-c", "echo the reason; false")

    def stumble(log: Log) -> None:
        raise KeyError("oops")

    def skip(log: Log) -> None:
        raise Skipped("not here")

    status = Suite([
        Stage("one", lambda log: None),
        Stage("bad", break_down),
        Stage("wrong", stumble),
        Stage("later", lambda log: None, ["bad"]),
        Stage("absent", skip),
        Stage("counted", lambda log: Counts(7, 0)),
    ], lanes=1).run()

    output = capsys.readouterr().out
    assert status == 1
    assert "FAILED: sh: exit status 1" in output
    assert "    | the reason\n" in output
    assert "FAILED: the stage itself: KeyError('oops')" in output
    assert "skipped: not here" in output
    assert output.endswith("failed: bad, wrong\n9 passed, 2 failed\n")


def test_stages_run_side_by_side(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LOGS", tmp_path)
    both = threading.Barrier(2)
    status = Suite([
        Stage("one", lambda log: both.wait(10) and None),
        Stage("other", lambda log: both.wait(10) and None),
    ], lanes=2).run()
    assert status == 0


def test_a_stage_waits_for_those_before_it(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LOGS", tmp_path)
    ended: list[str] = []
    free_began = threading.Event()

    def build(log: Log) -> None:
        assert free_began.wait(10)
        ended.append("build")

    Suite([
        Stage("build", build),
        Stage("tests", lambda log: ended.append("tests"), ["build"]),
        Stage("free", lambda log: free_began.set()),
    ], lanes=2).run()
    assert ended == ["build", "tests"]


def test_nothing_runs_beside_a_stage_that_wants_to_be_alone(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LOGS", tmp_path)
    running: list[str] = []
    seen: list[list[str]] = []

    def stage(name: str, alone: bool = False) -> Stage:
        def run(log: Log) -> None:
            running.append(name)
            if alone:
                seen.append(list(running))
            running.remove(name)
        return Stage(name, run, alone=alone)

    Suite([stage("a", alone=True), stage("b"), stage("c"),
           stage("d", alone=True), stage("e")], lanes=3).run()
    assert seen == [["a"], ["d"]]


def test_the_excerpt_of_a_log_has_the_reason_and_the_end(
        tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.note("a.c:3: error: no such thing")
    for number in range(100):
        log.note(f"line {number}")
    lines = log.excerpt()
    assert lines[0] == "a.c:3: error: no such thing"
    assert lines[-1] == "line 99"
    assert "line 50" not in lines


def test_all_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                  capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(runner, "LOGS", tmp_path)
    assert Suite([Stage("one", lambda log: None)]).run() == 0
    assert capsys.readouterr().out.endswith("\n1 passed, 0 failed\n")


@pytest.mark.parametrize("line", [
    'bide: the loop is blocked: task "spinner" (a.py:3) has been running for',
    "bide: a lazy future made at a.lua:3 was never awaited",
    "a.py:7: RuntimeWarning: operation Channel.send() was never awaited",
    "Exception ignored in task 'mailer', whose failure nobody looked at",
    'bide.DeadlockError: a deadlock: task "pay" (a.py:3) waits for',
    "lua5.4: bide.run: every task waits and nothing can wake one (ESTALLED)",
])
def test_reports_are_seen_in_the_output_of_a_healthy_program(line: str) -> None:
    assert reports(f"fine\n{line}\nfine\n") == [line]
    assert reports("12 locks, 3 clients, 1 deadline\n") == []
