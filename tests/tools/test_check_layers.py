"""tools/check_layers finds each way to break the architecture."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECK = Path(__file__).parents[2] / "tools/check_layers"

SOUND = {
    "csrc/include/bide.h": "#include <stdint.h>\n",
    "csrc/src/LAYERS": "# the order\n0: list\n1: wait clock # both\n",
    "csrc/README.md": "| `list` |\n| `w*`, `clock` |\n",
    "csrc/src/list.h": '#include "bide.h"\n',
    "csrc/src/wait.h": '#include "list.h"\n',
    "csrc/src/wait.c": '#include "wait.h"\n#include <uv.h>\n',
    "csrc/src/clock.c": '#include "bide.h"\n',
    "python/ext/mutex.h": "#include <Python.h>\n",
    "python/ext/mutex.c": '#include "mutex.h"\n#include <bide.h>\n',
    "lua/src/mutex.c": '#include <lua.h>\n#include "bide.h"\n',
    "examples/c/echo.c": "#include <bide.h>\n",
}


def check(root: Path, **changes: str | None) -> tuple[int, str]:
    tree = {**SOUND, **changes}
    for name, text in tree.items():
        if text is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    done = subprocess.run([sys.executable, CHECK, root], capture_output=True,
                          text=True, check=False)
    return done.returncode, done.stdout.replace(f"{root}/", "")


def test_a_sound_tree_passes(tmp_path: Path) -> None:
    assert check(tmp_path) == (0, "check_layers: the layers hold\n")


@pytest.mark.parametrize(("name", "text", "problem"), [
    ("csrc/README.md", "| `list` |\n| `wait` |\n",
     "csrc/README.md: `clock` is not in the table of the layers"),
    ("csrc/src/list.h", '#include "wait.h"',
     "csrc/src/list.h:1: wait.h (layer 1) does not lie below list (0)"),
    ("csrc/src/clock.c", '\n#  include "wait.h"',
     "csrc/src/clock.c:2: wait.h (layer 1) does not lie below clock (1)"),
    ("csrc/src/clock.c", '#include "other.h"',
     "csrc/src/clock.c:1: other.h is no header of the core"),
    ("csrc/src/clock.c", "#include <Python.h>",
     "csrc/src/clock.c:1: Python.h is not for this part"),
    ("csrc/include/bide.h", "#include <uv.h>",
     "csrc/include/bide.h:1: uv.h is not for this part"),
    ("python/ext/mutex.c", "#include <uv.h>",
     "python/ext/mutex.c:1: uv.h is not for this part"),
    ("python/ext/mutex.c", "#include <lua.h>",
     "python/ext/mutex.c:1: lua.h is not for this part"),
    ("python/ext/mutex.c", '#include "wait.h"',
     "python/ext/mutex.c:1: wait.h is not this part's own"),
    ("lua/src/mutex.c", "#include <Python.h>",
     "lua/src/mutex.c:1: Python.h is not for this part"),
    ("lua/src/mutex.c", '#include "../../csrc/src/x.h"',
     "lua/src/mutex.c:1: ../../csrc/src/x.h is not this part's own"),
    ("examples/c/echo.c", "#include <uv.h>",
     "examples/c/echo.c:1: uv.h is not for this part"),
])
def test_a_wrong_include_is_found(tmp_path: Path, name: str, text: str,
                                  problem: str) -> None:
    assert check(tmp_path, **{name: text}) == (1, problem + "\n")


@pytest.mark.parametrize(("layers", "problem"), [
    ("0: list\n1: wait\n", "clock is missing"),
    ("0: list\n1: wait clock gone\n", "there is no gone.c or gone.h"),
    ("0: list\n1: wait clock\n2: wait\n", "wait is listed twice"),
])
def test_a_wrong_list_is_found(tmp_path: Path, layers: str,
                               problem: str) -> None:
    assert check(tmp_path, **{"csrc/src/LAYERS": layers}) == (
        1, f"csrc/src/LAYERS: {problem}\n")
