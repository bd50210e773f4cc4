"""Memory: bytes per idle task and per idle connection.

    memory.py [--tasks 100000] [--connections 10000]

Tasks wait for one event; connections have made one round trip and stay open.
Both are counted in resident memory, so the allocator's own waste is in it;
what the kernel keeps per socket is not. All tasks have to end afterwards, and
all connections to answer once more.
"""

import argparse
import pathlib
import socket
import subprocess

import machine
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
    last_words,
    running,
)

SERVERS = (BIDE_PYTHON, ASYNCIO, UVLOOP, BIDE_LUA, CQUEUES, BIDE_C, LIBUV)
MESSAGE = b"x" * 1024
IDLE = machine.HERE / "idle"


def task_programs():
    """(title, command) of each that holds tasks."""
    python, lua = machine.python(), machine.lua() or "lua5.4"
    return (
        ("bide, Python", (python, str(IDLE / "tasks.py"), "bide")),
        ("asyncio", (python, str(IDLE / "tasks.py"), "asyncio")),
        ("uvloop", (python, str(IDLE / "tasks.py"), "uvloop")),
        ("bide, Lua", (lua, str(IDLE / "tasks.lua"), "bide")),
        ("cqueues", (lua, str(IDLE / "tasks.lua"), "cqueues")),
    )


def tasks(command, count):
    """Bytes per idle task."""
    run = subprocess.run(
        [*command, str(count)], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise NoServer(last_words(run.stderr))
    each, done = run.stdout.split()
    if float(done) != count:
        raise NoServer(f"only {done} of {count} tasks came to an end")
    return float(each)


def resident(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def round_trip(connection):
    connection.sendall(MESSAGE)
    left = len(MESSAGE)
    while left:
        data = connection.recv(left)
        if not data:
            raise NoServer("it closed an idle connection")
        left -= len(data)


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    round_trip(connection)
    return connection


def connections(server, count):
    """Bytes per idle connection."""
    with running(server) as (process, port):
        held = [connect(port)]
        try:
            before = resident(process.pid)
            for _ in range(count):
                held.append(connect(port))
            each = (resident(process.pid) - before) / count
            for connection in held:
                round_trip(connection)
        except OSError as error:
            raise NoServer(f"{len(held)} connections held: {error}") from None
        finally:
            for connection in held:
                connection.close()
    return each


def collect(title, pairs, measure, count, notes):
    """A table of what each took."""
    rows = []
    for name, subject in pairs:
        try:
            each = measure(subject, count)
            rows.append((name, f"{count:,}", f"{each:,.0f}"))
        except NoServer as reason:
            notes.append(f"memory, {title}: {name}: {reason}")
    return title.capitalize(), (title, "held", "bytes each"), rows


def measure(notes, task_count=100_000, connection_count=10_000):
    """Both tables; what could not be measured is told in `notes`."""
    limit = machine.raise_file_limit() - 200
    if limit < connection_count:
        notes.append(f"memory: {limit} connections, the limit of open files")
        connection_count = limit
    servers = [(server.title, server) for server in SERVERS]
    return [
        collect("idle tasks", task_programs(), tasks, task_count, notes),
        collect(
            "idle connections", servers, connections, connection_count, notes
        ),
    ]


def main():
    parser = argparse.ArgumentParser(description="memory of what is idle")
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--connections", type=int, default=10_000)
    options = parser.parse_args()
    notes = []
    for _, header, rows in measure(notes, options.tasks, options.connections):
        print(table.text(header, rows), end="\n\n")
    for note in notes:
        print(f"note: {note}")


if __name__ == "__main__":
    main()
