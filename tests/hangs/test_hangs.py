"""Every hang and misuse of the gallery is reported, with the right task, object
and line. gallery.py tells how a program says what it expects."""

import os
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from gallery import HERE, LANGUAGES, Case, Run, cases

CASES = cases()
BY_NAME = {str(case): case for case in CASES}
GUIDE = HERE.parents[1] / "docs/hangs.md"
QUOTE = re.compile(r"^<!-- output: (\S+) -->\n```\n(.*?)^```$", re.M | re.S)
ROW = re.compile(r"^\| `(\w+)` \|.*?\|(.*)\|$", re.M)


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest) -> Iterator[dict[Case, Future[Run]]]:
    """The programs chosen, a few at a time: most of them wait most of the
    time."""
    chosen = {item.callspec.params["case"] for item in request.session.items
              if "case" in getattr(getattr(item, "callspec", None), "params", ())}
    pool = ThreadPoolExecutor(2 + (os.cpu_count() or 2))
    yield {case: pool.submit(Run(case).go) for case in chosen}
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_hang_is_reported(case: Case, runs: dict[Case, Future[Run]]) -> None:
    run = runs[case].result()
    problems = [f"missing: {text}" for text in case.missing(run.output)]
    problems += [f"wrong: {text}" for text in case.wrong(run.output)]
    if not case.values("expect"):
        problems.append("it expects nothing")
    if case.values("hangs"):
        if run.status is not None:
            problems.append("it ended by itself")
    elif run.status is None or run.status < 0:
        problems.append("it did not end")
    if problems:
        problems.append(f"status {run.status}, {run.seconds:.1f} s:\n{run.output}")
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.mark.parametrize("language", LANGUAGES)
def test_gallery_is_large(language: str) -> None:
    assert sum(case.language == language for case in CASES) >= 25


def test_gallery_is_listed_in_its_table() -> None:
    """A row for each name, and a reason for each program that is not there."""
    rows = ROW.findall((HERE / "README.md").read_text())
    listed = {f"{language}-{name}" for name, columns in rows
              for language, column in zip(LANGUAGES, columns.split("|"), strict=True)
              if column.strip() == "x"}
    assert listed == {str(case) for case in CASES}
    assert len({name for name, _ in rows}) == len(rows)
    assert all(column.strip() for _, columns in rows
               for column in columns.split("|"))


def pattern_of(quote: str) -> re.Pattern[str]:
    """What matches a quoted output, whatever its times, paths and line breaks; a
    line of dots stands for anything."""
    text = r"\s+".join(re.escape(word) for word in quote.split())
    text = text.replace(r"\s+\.\.\.\s+", r"\s[\s\S]*?")
    text = re.sub(r"\d+(\\\.\d+)?(?=\\s\+m?s\b)", r"\\d+(\.\\d+)?", text)
    text = re.sub(r"(\d+)(?=\\s\+(tasks|timers)\b)", r"\\d+", text)
    return re.compile(re.sub(r"([\w/]+\\\.(py|lua|c)\b)", r"(\\S*/)?\1", text))


@pytest.mark.parametrize(
    ("case", "quote"),
    [pytest.param(BY_NAME[name], quote, id=name)
     for name, quote in QUOTE.findall(GUIDE.read_text())])
def test_guide_quotes_what_is_reported(
        case: Case, quote: str, runs: dict[Case, Future[Run]]) -> None:
    output = runs[case].result().output
    if not pattern_of(quote).search(output):
        pytest.fail(f"docs/hangs.md quotes:\n{quote}\nit is:\n{output}",
                    pytrace=False)
