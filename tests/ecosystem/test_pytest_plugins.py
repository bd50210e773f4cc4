"""pytest-asyncio and anyio's plugin run tests on bide by one fixture."""

from __future__ import annotations

import subprocess
import sys

import pytest
from loops import STOCK

CHECK = """
    assert isinstance(asyncio.get_running_loop(), bide.EventLoop)
    await asyncio.sleep(0.001)
"""

PYTEST_ASYNCIO = f"""
import asyncio, bide, pytest

@pytest.fixture(scope="session")
def event_loop_policy():
    return bide.EventLoopPolicy()

@pytest.mark.asyncio
async def test_it():{CHECK}
"""

ANYIO = f"""
import asyncio, bide, pytest

@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio", {{"loop_factory": bide.new_event_loop}}

@pytest.mark.anyio
async def test_it():{CHECK}
"""


@pytest.mark.skipif(STOCK, reason="is about bide's loop alone")
@pytest.mark.parametrize("text", [PYTEST_ASYNCIO, ANYIO],
                         ids=["pytest-asyncio", "anyio"])
def test_plugin_runs_on_bide(text, tmp_path):
    (tmp_path / "test_it.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir",
         str(tmp_path), str(tmp_path)], capture_output=True, text=True,
        timeout=60, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
