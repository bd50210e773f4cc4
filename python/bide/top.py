"""python -m bide top PID: what the tasks of a running program are doing.

The program has to have a live view: bide.inspect(), or BIDE_INSPECT=1 in its
environment; only its own user can look. Keys: b, w, a, n sort by busy time, wait,
age of the wait, name; q ends. Without a terminal, or with --once, it prints one
picture and ends.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

from bide._core import _inspector_path

try:
    import termios
    import tty
except ImportError:  # no terminal to put into another mode
    termios = None  # type: ignore[assignment]

State = dict[str, Any]
PERIOD = 1.0
SORTS = {"b": "busy", "w": "waits", "a": "age", "n": "name"}


class Unreachable(Exception):
    """The process cannot be asked; the message says what would help."""


def fetch(pid: int) -> State:
    """The state of the process, as its live view gives it."""
    path = _inspector_path(pid)
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        try:
            s.connect(path)
        except OSError as error:
            raise Unreachable(
                f"process {pid} has no live view ({error.strerror}): start it "
                "with BIDE_INSPECT=1 in its environment, or call bide.inspect() "
                "in it, as the same user") from None
        s.sendall(b"GET /state.json HTTP/1.1\r\n\r\n")
        answer = b"".join(iter(lambda: s.recv(1 << 16), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise Unreachable(f"process {pid} says: {body.decode()}")
    state: State = json.loads(body)
    return state


# -- a picture of it ---------------------------------------------------------


def seconds(s: float | None) -> str:
    if s is None:
        return ""
    if s <= 0:
        return "0"
    for limit, factor, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "us"),
                                (1, 1e3, "ms"), (120, 1, "s")):
        if s < limit:
            return f"{s * factor:.{1 if unit == 's' else 0}f} {unit}"
    return f"{s / 60:.0f} min"


def object_name(thing: State) -> str:
    name = thing["name"]
    return f'{thing["type"]} "{name}"' if name else str(thing["type"])


def task_name(task: State) -> str:
    return task["name"] or f"task-{task['id']}"


def site(made_at: State | None) -> str:
    if not made_at:
        return ""
    return f"{os.path.basename(made_at['file'])}:{made_at['line']}"


def waiting(task: State, names: dict[int, str]) -> str:
    """What it waits for, who holds that, and what it holds itself."""
    words = []
    for wait in task["waits"]:
        text = f"{wait['verb']} {object_name(wait['object'])}"
        if wait["task"]:
            text += " " + names.get(wait["task"], f"task-{wait['task']}")
        if wait["holders"]:
            text += " held by " + ", ".join(
                names.get(h, f"task-{h}") for h in wait["holders"])
        words.append(text)
    line = " or ".join(words)
    if task["holds"]:
        held = ", ".join(object_name(h["object"]) for h in task["holds"])
        line += f"{'; ' if line else ''}holds {held}"
    return line


def busy_times(state: State) -> dict[tuple[int, int], float]:
    return {(runtime["id"], task["id"]): task["busy"]
            for runtime in state["dump"]["runtimes"]
            for task in runtime["tasks"] if task.get("busy") is not None}


def rows(state: State, before: dict[tuple[int, int], float],
         gap: float) -> list[State]:
    """A row for each task; `busy` is a share of the time since `before`."""
    out = []
    for runtime in state["dump"]["runtimes"]:
        names = {task["id"]: task_name(task) for task in runtime["tasks"]}
        for task in runtime["tasks"]:
            spent = task.get("busy")
            share = None
            if spent is not None:
                known = before.get((runtime["id"], task["id"]))
                if known is not None and gap > 0:
                    share = (spent - known) / gap
            out.append({
                "id": f"{runtime['id']}/{task['id']}",
                "name": task_name(task), "state": task["state"],
                "busy": share, "spent": spent, "age": task["parked"],
                "waits": waiting(task, names),
                "at": task["at"] or site(task["made_at"]),
            })
    return out


def order(row: State, by: str) -> Any:
    if by == "busy":
        return (-(row["busy"] or 0), -(row["spent"] or 0), row["name"])
    if by == "age":
        return (-(row["age"] or 0), row["name"])
    return (row[by] == "", row[by], row["name"])


def heading(state: State) -> list[str]:
    dump = state["dump"]
    lines = [f"bide {dump['bide']}  process {dump['pid']}"]
    for runtime in dump["runtimes"]:
        counts = runtime["counts"]
        line = (f"runtime {runtime['id']} ({runtime['language']}): "
                f"{counts['tasks']} tasks, {counts['ready']} ready, "
                f"{counts['timers']} timers, {counts['io_waits']} I/O waits, "
                f"{counts['jobs']} jobs on {counts['threads']} threads")
        if not runtime["exact"]:
            names = {t["id"]: task_name(t) for t in runtime["tasks"]}
            culprit = names.get(runtime["running"])
            line += "; BLOCKED" + (f" by {culprit}" if culprit else "")
        lines.append(line)
        for job in runtime["jobs"]:
            lines.append(f"  job {job['name'] or site(job['made_at'])}: "
                         f"{job['state']} for {seconds(job['age'])}")
    return lines


def picture(state: State, before: dict[tuple[int, int], float], gap: float,
            by: str, width: int, height: int) -> list[str]:
    """The screen's lines, cut to its size."""
    lines = heading(state)
    lines.append(f"{'ID':>7}  {'TASK':<20} {'STATE':<8} {'BUSY':>7} "
                 f"{'SINCE':>7}  WAITS FOR  -  STANDS AT")
    for row in sorted(rows(state, before, gap), key=lambda r: order(r, by)):
        share = (seconds(row["spent"]) if row["busy"] is None
                 else f"{100 * row['busy']:.1f} %")
        line = (f"{row['id']:>7}  {row['name'][:20]:<20} {row['state']:<8} "
                f"{share:>7} {seconds(row['age']):>7}  {row['waits']}")
        lines.append(f"{line}  -  {row['at']}" if row["at"] else line)
    if len(lines) > height:
        left = len(lines) - height + 1
        lines = [*lines[:height - 1], f"... and {left} more"]
    return [line[:width] for line in lines]


# -- the terminal ------------------------------------------------------------


@contextlib.contextmanager
def screen() -> Iterator[None]:
    """The terminal's other screen, without a cursor, key by key."""
    fd = sys.stdin.fileno()
    kept = termios.tcgetattr(fd)
    tty.setcbreak(fd)
    sys.stdout.write("\x1b[?1049h\x1b[?25l")
    try:
        yield
    finally:
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()
        termios.tcsetattr(fd, termios.TCSADRAIN, kept)


def key_within(wait: float) -> str:
    ready, _, _ = select.select([sys.stdin], [], [], wait)
    return os.read(sys.stdin.fileno(), 1).decode("latin-1") if ready else ""


def watch(pid: int, by: str) -> None:
    """Draws until q."""
    before: dict[tuple[int, int], float] = {}
    then = time.monotonic()
    with screen():
        while True:
            state = fetch(pid)
            now = time.monotonic()
            size = shutil.get_terminal_size()
            lines = picture(state, before, now - then, by, size.columns,
                            size.lines)
            sys.stdout.write("\x1b[H" + "".join(
                f"{line}\x1b[K\r\n" for line in lines[:-1]) +
                f"{lines[-1]}\x1b[K\x1b[J")
            sys.stdout.flush()
            before, then = busy_times(state), now
            key = key_within(PERIOD)
            if key == "q":
                return
            by = SORTS.get(key, by)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bide top", description="the tasks of a running program")
    parser.add_argument("pid", type=int, metavar="PID")
    parser.add_argument("--sort", choices=SORTS.values(), default="busy")
    parser.add_argument("--once", action="store_true",
                        help="print one picture and end")
    options = parser.parse_args(words)
    try:
        if options.once or not (sys.stdin.isatty() and sys.stdout.isatty()):
            lines = picture(fetch(options.pid), {}, 0, options.sort, 1000, 10**6)
            print("\n".join(lines))
        else:
            watch(options.pid, options.sort)
    except Unreachable as error:
        print(f"bide top: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0
