"""tools/check_style finds what it says it finds, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECK = Path(__file__).parents[2] / "tools/check_style"


def check(root: Path, name: str, text: str) -> str:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
    done = subprocess.run([sys.executable, CHECK, root], capture_output=True,
                          text=True, check=False)
    assert done.returncode == (0 if "nothing to say" in done.stdout else 1)
    return done.stdout.strip()


def c_function(lines: int) -> str:
    return "int\nf(void)\n{\n" + "    x();\n" * lines + "}\n"


@pytest.mark.parametrize(("name", "text"), [
    ("csrc/src/a.c", c_function(60)),
    ("csrc/src/a.c", "static int table[] = {\n" + "    1,\n" * 80 + "};\n"),
    ("python/bide/a.py", "def f():\n" + "    pass\n" * 60),
    ("csrc/include/bide.h", "int x;\n" * 900),
    ("docs/long.md", "word\n" * 900),
    ("Makefile", "all:\n\ttrue\n"),
    ("a.py", 'path = "/var/root/x"  # the XXXXXX of mkstemp\n'),
    ("build/a.c", "TODO \n"),
])
def test_what_is_fine(tmp_path: Path, name: str, text: str) -> None:
    assert check(tmp_path, name, text) == "check_style: nothing to say"


@pytest.mark.parametrize(("name", "text", "problem"), [
    ("csrc/src/a.c", c_function(61), ":3: a function of 61 lines"),
    ("a.py", "def f():\n" + "    pass\n" * 61, ":1: a function of 61 lines"),
    ("lua/bide/a.lua", "x()\n" * 501, ": 501 lines, more than 500"),
    ("tests/lua/a.lua", "x()\n" * 601, ": 601 lines, more than 600"),
    ("tools/a", "x\n" * 501, ": 501 lines, more than 500"),
    ("a.md", "word \n", ":1: trailing blanks"),
    ("a.md", "word\r\n", ":1: a carriage return"),
    ("a.lua", "\tx()\n", ":1: a tab"),
    ("a.c", "/* TODO: more */\n", ":1: a note to oneself"),
    ("a.sh", "cd /root/x\n", ":1: a machine's path"),
    ("a.md", "in `/home/me/x`\n", ":1: a machine's path"),
    ("a.md", "word", ": no newline at the end"),
])
def test_what_is_not(tmp_path: Path, name: str, text: str,
                     problem: str) -> None:
    assert check(tmp_path, name, text) == name + problem
