"""System calls per round trip of the echo servers, as strace counts them.

    syscalls.py [--connections 64]

A server is traced from its start to its end, so that what it does once per
connection shows as well: beside one read and one write per round trip there
should be the shared epoll_wait, and epoll_ctl only on connect and close.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import tempfile

import table
from servers import (
    ASYNCIO,
    BIDE_C,
    BIDE_LUA,
    BIDE_PYTHON,
    CQUEUES,
    LIBUV,
    UVLOOP,
    NoServer,
    load,
    running,
)

SERVERS = (BIDE_PYTHON, BIDE_LUA, BIDE_C, LIBUV, ASYNCIO, UVLOOP, CQUEUES)

# Calls that do the same, and go by the names of libraries and kernels.
KINDS = {
    "read": ("read", "recvfrom", "recvmsg", "readv"),
    "write": ("write", "sendto", "sendmsg", "writev"),
    "wait": ("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "select"),
    "epoll_ctl": ("epoll_ctl",),
}
# A line of strace's table: share, seconds, us per call, calls, errors, name.
ROW = re.compile(
    r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", re.MULTILINE
)


def _child(pid):
    """The process that `pid` (strace) has started."""
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    children = path.read_text().split()
    if not children:
        raise NoServer("strace has no child: is tracing permitted here?")
    return int(children[0])


def count(server, connections):
    """Calls by name of the server's whole life, and its round trips."""
    with tempfile.NamedTemporaryFile("r") as summary:
        wrapper = ("strace", "-f", "-c", "-o", summary.name)
        with running(server, wrapper) as (process, port):
            try:
                trips = load(process, port, connections)["total"]
            finally:
                os.kill(_child(process.pid), signal.SIGKILL)
            process.wait()
        calls = {name: int(n) for n, name in ROW.findall(summary.read())}
        calls.pop("total", None)
    if not calls:
        raise NoServer("strace counted nothing")
    return calls, trips


def row(server, connections):
    calls, trips = count(server, connections)
    sums = {
        kind: sum(calls.get(name, 0) for name in names)
        for kind, names in KINDS.items()
    }
    known = sum(sums.values())
    return (
        server.title,
        f"{trips:,}",
        f"{sums['read'] / trips:.2f}",
        f"{sums['write'] / trips:.2f}",
        f"{sums['wait'] / trips:.3f}",
        f"{sums['epoll_ctl'] / trips:.3f}",
        f"{sums['epoll_ctl'] / connections:.1f}",
        f"{sum(calls.values()) - known:,}",
    )


HEADER = (
    "system calls, per round trip",
    "round trips",
    "read",
    "write",
    "epoll_wait",
    "epoll_ctl",
    "epoll_ctl, per connection",
    "all others, in all",
)


def measure(notes, connections=64):
    if not shutil.which("strace"):
        notes.append("system calls: strace is not installed")
        return []
    rows = []
    for server in SERVERS:
        try:
            rows.append(row(server, connections))
        except NoServer as reason:
            notes.append(f"system calls: {server.title}: {reason}")
    return [("System calls", HEADER, rows)]


def main():
    parser = argparse.ArgumentParser(description="system calls counted")
    parser.add_argument("--connections", type=int, default=64)
    notes = []
    for _, header, rows in measure(notes, parser.parse_args().connections):
        print(table.text(header, rows))
    for note in notes:
        print(f"note: {note}")


if __name__ == "__main__":
    main()
