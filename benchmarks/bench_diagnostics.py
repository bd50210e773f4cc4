"""What it costs that hangs are explained: a switch, a lock, a channel operation

    off                  of a build without diagnostics (BIDE_DIAGNOSTICS=OFF)
    bide                 as they are by default
    watchdog and stats   with the watchdog at 100 ms and statistics
    debug                with debug=True as well

Both builds are loaded into this process and take turns, many short runs each; the
fastest counts, as what else the machine does only adds. The build without is the
tree BIDE_BARE (`tools/run --bare` makes it); "off" is left out where there is none.
"""

import gc
import importlib
import importlib.util
import json
import os
import pathlib
import sys

RUN_NS, QUICK, FULL = 20_000_000, 15, 61

WATCHED = {"watchdog": 0.1, "stats": True}


def forget():
    """Takes the package out of what is imported: the next import is another."""
    for name in [name for name in sys.modules if name.split(".")[0] == "bide"]:
        del sys.modules[name]


def load_bare():
    """The package of the build without diagnostics, or None."""
    root = pathlib.Path(__file__).resolve().parents[1]
    tree = os.environ.get("BIDE_BARE") or root / "build/bare"
    path = str(pathlib.Path(tree) / "python")
    sys.path.insert(0, path)
    forget()
    try:
        bare = importlib.import_module("bide")
        return bare if bare.__file__.startswith(path) else None
    except ImportError:
        return None
    finally:
        sys.path.remove(path)
        forget()


def load_operations(name):
    """A copy of the operations with code of its own: the interpreter adapts code to
    the types that it meets, and those of one build are not those of the other."""
    path = pathlib.Path(__file__).parent / "diagnostics" / "operations.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def contenders(operations):
    """(name, run(case, n)) of each; `operations` are those of the usual build."""

    def runner(bide, operations, **how):
        return lambda case, n: bide.run(operations.CASES[case](bide, n), **how)

    bare = load_bare()
    usual = importlib.import_module("bide"), operations
    if bare:
        yield "off", runner(bare, load_operations("bare"))
    yield "bide", runner(*usual)
    yield "watchdog and stats", runner(*usual, **WATCHED)
    yield "debug", runner(*usual, debug=True, **WATCHED)


def measure(runs, case, turns):
    """The time of an operation by each contender, and how many made a run."""
    n = 1000
    while runs["bide"](case, n) < RUN_NS / 2:
        n *= 2
    least = {}
    for _ in range(turns):
        for who, run in runs.items():
            took = run(case, n)
            least[who] = min(took, least.get(who, took))
    return {who: took / n for who, took in least.items()}, n


def main():
    words = sys.argv[1:]
    if "--impl" in words and words[words.index("--impl") + 1] != "bide":
        return  # one run has them all
    only = words[words.index("--case") + 1] if "--case" in words else ""
    turns = FULL if "--full" in words else QUICK
    operations = load_operations("usual")
    runs = dict(contenders(operations))
    gc.collect()
    gc.disable()
    for name in operations.CASES:
        if only not in name:
            continue
        times, n = measure(runs, name, turns)
        for who, ns in times.items():
            record = {"lang": "python", "bench": "diagnostics", "case": name}
            record |= {"impl": who, "ns": round(ns, 2), "n": n}
            print(json.dumps(record), flush=True)


main()
