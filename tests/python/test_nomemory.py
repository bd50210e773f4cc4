import os
import pathlib
import subprocess
import sys

import pytest

import bide

pytest.importorskip("_testcapi")
PROGRAM = pathlib.Path(__file__).with_name("nomemory.py")


@pytest.mark.parametrize(
    "scenario",
    ["made", "locks", "channel", "blocking", "tcp", "files", "watch"])
def test_failed_allocations_are_memory_errors(scenario):
    root = str(pathlib.Path(bide.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(PROGRAM), scenario],
        env={**os.environ, "PYTHONPATH": root}, text=True, timeout=110,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
