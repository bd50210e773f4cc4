"""make demo: echo servers on bide and on its rivals under one load.

    demo.py [--rounds 3] [--duration 800] [--only TEXT]

Each server in turn echoes 1 KiB messages to 64, then to 1,000 connections of
the same load generator; server and load have a core each where there are two.
"""

import argparse
import sys

import echo_rounds
import machine
import table
from servers import ASYNCIO, SERVERS

HEADER = (
    "connections, server",
    "round trips/s",
    "vs asyncio",
    "CPU us",
    "user",
    "sys",
    "user vs asyncio",
    "busy",
    "p50 us",
    "p99 us",
)


def row(results, server, connections):
    """The server's figures, or None if it has none."""

    def figure(key):
        return results.figure(server.title, connections, key)

    def against(key):
        ratio = results.ratio(server.title, ASYNCIO.title, connections, key)
        return "" if ratio is None else table.times(ratio)

    def less(key):
        """As a share of asyncio's."""
        ratio = results.ratio(server.title, ASYNCIO.title, connections, key)
        return "" if not ratio else table.share(ratio)

    if figure("rate") is None:
        return None
    return (
        f"{connections:>5}  {server.title}",
        f"{figure('rate'):,.0f}",
        against("rate"),
        f"{figure('cpu_us'):.2f}",
        f"{figure('user_us'):.2f}",
        f"{figure('sys_us'):.2f}",
        less("user_us"),
        f"{figure('busy'):.0%}",
        f"{figure('p50_us'):,.0f}",
        f"{figure('p99_us'):,.0f}",
    )


def rows(results, servers):
    found = []
    for connections in echo_rounds.CONNECTIONS:
        for server in servers:
            found.append(row(results, server, connections))
    return [cells for cells in found if cells]


EXPLANATION = """\
A round trip is a 1 KiB message sent and echoed whole. CPU us: what the server
itself used per round trip, user and system. busy: how much of its core it
used; under 100 % the load generator was the slower of the two. Medians over
the rounds, ratios within each round; CPU times are means over all rounds."""


def main():
    parser = argparse.ArgumentParser(description="echo servers compared")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--duration", type=int, default=800, help="ms per measurement"
    )
    parser.add_argument("--only", default="", help="servers named like this")
    options = parser.parse_args()
    servers = [
        server
        for server in SERVERS
        if options.only in server.title or server is ASYNCIO
    ]
    steps = len(servers) * len(echo_rounds.CONNECTIONS) * options.rounds
    progress = table.Progress(steps)
    results = echo_rounds.run(
        options.rounds, options.duration, progress, servers
    )
    progress.end()
    print(", ".join(f"{k} {v}" for k, v in machine.describe()[:2]))
    print(table.text(HEADER, rows(results, servers)))
    print(EXPLANATION)
    for title, reason in results.skipped.items():
        print(f"skipped: {title}: {reason}")
    missing = [
        s.title for s in servers if s.bide and s.title in results.skipped
    ]
    sys.exit(f"bide's own did not run: {', '.join(missing)}" if missing else 0)


if __name__ == "__main__":
    main()
