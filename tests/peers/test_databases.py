"""The clients of Redis and PostgreSQL, on real servers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from peers import command, postgres, redis, run


@pytest.mark.parametrize("language", ["python", "lua"])
def test_redis_pipeline_shares_a_connection(language: str,
                                            tmp_path: Path) -> None:
    with redis(tmp_path) as path:
        where = ["--unix", path] if language == "python" else [path]
        said = run(command(language, "redis_pipeline", *where))
    assert "ERR wrong number of arguments" in said
    assert "100 tasks, 300 commands, sum 328350" in said


@pytest.mark.parametrize("language", ["python", "lua"])
def test_postgres_fan_out_overlaps_queries(
        language: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with postgres(tmp_path_factory.mktemp("pg")) as (home, port):
        where = ([f"host={home} port={port} user=postgres dbname=postgres"]
                 if language == "python"
                 else ["postgres", "postgres", home, port])
        said = run(command(language, "postgres_fan_out", *where))
    took = re.search(r"20 queries of 50 ms on 4 connections: (\d+) ms", said)
    assert took
    # Five rounds of 50 ms; one after the other it would be a second.
    assert 250 <= int(took[1]) < 900
    assert "does not exist" in said
    if language == "python":
        assert "a slow one was given up: True\nthe pool works on" in said
