"""The live view in a browser, headless Chromium."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from peers import program, server

SCENE = Path(__file__).with_name("live_view_scene.py")
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--virtual-time-budget=3000")


def chromium(folder: Path, *options: str) -> str:
    done = subprocess.run(
        [program("chromium"), *QUIET, f"--user-data-dir={folder / 'profile'}",
         *options], capture_output=True, text=True, timeout=90, check=True)
    return done.stdout


@pytest.fixture
def scene(request):
    words = [sys.executable, str(SCENE), *getattr(request, "param", [])]
    with server(words, r"(http://127\.0\.0\.1:\d+/\?token=\w+)") as running:
        yield running.match[1]


def test_page_names_tasks_and_draws_the_cycle(scene, tmp_path):
    page = chromium(tmp_path, "--dump-dom", scene)
    assert 'lock Mutex "ledger", held by audit' in page
    assert "A cycle that nothing ends:" in page
    assert page.count('class="node task cycle"') == 2
    assert page.count('class="node object cycle"') == 2
    assert 'class="edge held cycle"' in page
    assert "thumbnail" in page  # a job
    assert ">live<" in page


@pytest.mark.parametrize("scene", [["blocked"]], indirect=True)
def test_page_shows_who_blocks_the_loop(scene, tmp_path):
    page = chromium(tmp_path, "--dump-dom", scene)
    assert "is blocked by task hog" in page
    assert "read from outside" in page


def test_page_refuses_without_its_token(scene, tmp_path):
    page = chromium(tmp_path, "--dump-dom", scene.partition("?")[0])
    assert "the token is missing or wrong" in page


def test_screenshot(scene, tmp_path):
    """BIDE_SCREENSHOT=docs/live-view.png makes the picture in the docs anew."""
    wanted = os.environ.get("BIDE_SCREENSHOT")
    picture = Path(wanted).resolve() if wanted else tmp_path / "live.png"
    chromium(tmp_path, "--window-size=1300,640", f"--screenshot={picture}",
             scene)
    assert picture.read_bytes().startswith(b"\x89PNG")
