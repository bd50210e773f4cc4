"""Every complete program in the documentation runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(python|lua)\n(.*?)^```", re.S | re.M)
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
COMPLETE = {"python": "bide.run(", "lua": "bide.run("}


def programs():
    for page in PAGES:
        for n, found in enumerate(FENCE.finditer(page.read_text())):
            language, text = found.groups()
            # Those that listen on a fixed port are servers: they do not end.
            if COMPLETE[language] in text and "7000" not in text:
                yield pytest.param(language, text, id=f"{page.stem}-{n}-{language}")


@pytest.mark.parametrize("language, text", list(programs()))
def test_program_in_the_documentation_runs(language, text, tmp_path):
    interpreter = sys.executable if language == "python" else shutil.which("lua5.4")
    assert interpreter, "lua5.4 is missing: tools/install-deps installs it"
    program = tmp_path / f"program.{language}"
    program.write_text(text)
    ended = subprocess.run(
        [interpreter, str(program)],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert ended.stdout
