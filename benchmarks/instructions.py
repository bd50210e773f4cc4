"""Instructions per round trip that the echo servers execute in user space.

    instructions.py [--only TEXT]

Counted by valgrind's callgrind, over two lives of a server that differ in how
long the load lasts: what starting and stopping cost cancels out. Slow, but the
same every time and on a busy machine: the place to look whether a change made
the path longer.
"""

import argparse
import re
import signal
import tempfile

import table
from servers import SERVERS, NoServer, load, running

CONNECTIONS = 64
SHORT, LONG = 300, 2500  # ms of load
START_SECONDS = 60


def life(server, duration):
    """Instructions of one life of the server, and its round trips."""
    with tempfile.TemporaryDirectory() as directory:
        out = f"{directory}/callgrind"
        wrapper = (
            "valgrind",
            "--tool=callgrind",
            f"--callgrind-out-file={out}",
        )
        with running(server, wrapper, START_SECONDS) as (process, port):
            sample = load(
                process, port, CONNECTIONS, warmup=10, duration=duration
            )
            process.send_signal(signal.SIGTERM)
            process.wait(START_SECONDS)
        with open(out) as lines:
            total = re.search(r"^totals: (\d+)", lines.read(), re.MULTILINE)
    return int(total[1]), sample["total"]


def per_round_trip(server):
    few, few_trips = life(server, SHORT)
    many, many_trips = life(server, LONG)
    return (many - few) / (many_trips - few_trips)


def main():
    parser = argparse.ArgumentParser(description="instructions counted")
    parser.add_argument("--only", default="", help="servers named like this")
    only = parser.parse_args().only
    servers = [server for server in SERVERS if only in server.title]
    progress = table.Progress(len(servers))
    rows, notes = [], []
    for server in servers:
        progress.step(server.title)
        try:
            rows.append((server.title, f"{per_round_trip(server):,.0f}"))
        except (NoServer, OSError) as reason:
            notes.append(f"skipped: {server.title}: {reason}")
    progress.end()
    print(table.text(("server", "instructions per round trip"), rows))
    print("\n".join(notes))


if __name__ == "__main__":
    main()
