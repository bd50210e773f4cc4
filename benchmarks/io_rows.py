"""What servers need per operation, in CPU time: echo over every transport,
accepting, many idle connections, HTTP. In rounds: A B C A B C ...

    tools/run --bench python benchmarks/io_rows.py [--rounds 3] [--only TEXT]
"""

import argparse
import dataclasses

import http_servers
import machine
import table
from results import Results
from servers import SERVERS, NoServer, load, serving

KIB = 1024
IDLE = 10_000


@dataclasses.dataclass(frozen=True)
class Row:
    bench: str
    case: str
    kind: str  # of transport
    connections: int
    options: tuple[str, ...]

    @property
    def name(self):
        return f"{self.bench}: {self.case}"


def _echo(kind, kib, connections=64):
    case = f"{kind.title() if kind == 'unix' else kind.upper()}, {kib} KiB"
    return Row("echo", case, kind, connections, ("--size", str(kib * KIB)))


ROWS = (
    *(_echo(kind, kib) for kind in ("tcp", "unix", "tls") for kib in (1, 10, 100)),
    _echo("udp", 1, 32),
    Row("accept", "a connection for one byte", "tcp", 64, ("--size", "1", "--accept", "1")),
    Row(
        "idle",
        f"100 busy connections among {IDLE:,} silent ones",
        "tcp",
        100,
        ("--idle", str(IDLE)),
    ),
)
CONTENDERS = [server for server in SERVERS if server.impl]


def wanted(only):
    """The rows that `only` names; whether HTTP is one of them."""
    rows = [row for row in ROWS if only in row.name]
    return rows, only in "http: JSON"


def _add(results, rnd, server, bench, case, cpu_us):
    record = {
        "lang": server.lang,
        "bench": bench,
        "case": case,
        "impl": server.impl,
        "ns": cpu_us * 1000,
        "clock": "cpu",
    }
    results.add(rnd, record)


class Run:
    """All rounds; a measurement that failed is left out from then on."""

    def __init__(self, rows, duration, progress, notes):
        self.rows = rows
        self.duration = duration
        self.progress = progress
        self.notes = notes
        self.failed = set()
        self.results = Results()

    def failure(self, what, reason):
        self.failed.add(what)
        self.notes.append(f"{what} left out: {reason}")

    def kinds(self, server):
        """The transports of the rows, as far as the server has them."""
        return [
            kind
            for kind in server.kinds
            if any(row.kind == kind for row in self.rows)
        ]

    def echo(self, rnd, server, kind):
        """The rows of one transport, on one server that stays up."""
        self.progress.step(f"round {rnd + 1}: {server.title}, {kind}")
        what = f"{server.title}, {kind}"
        rows = [row for row in self.rows if row.kind == kind]
        try:
            with serving(server, kind) as (process, where):
                for row in rows:
                    what = f"{server.title}, {row.name}"
                    if what not in self.failed:
                        self.row(rnd, server, row, process, where)
        except (NoServer, OSError, ValueError) as reason:
            self.failure(what, reason)

    def row(self, rnd, server, row, process, where):
        sample = load(
            process,
            where,
            row.connections,
            duration=self.duration,
            warmup=self.duration // 4,
            more=row.options,
        )
        _add(self.results, rnd, server, row.bench, row.case, sample["cpu_us"])

    def http(self, rnd, server):
        self.progress.step(f"round {rnd + 1}: {server.title}")
        if server.title in self.failed:
            return
        try:
            us = http_servers.measure(server, self.duration)
        except (NoServer, OSError, ValueError) as reason:
            self.failure(server.title, reason)
            return
        _add(self.results, rnd, server, "http", server.case, us)

    def round(self, rnd, servers, http):
        for server in servers:
            for kind in self.kinds(server):
                if f"{server.title}, {kind}" not in self.failed:
                    self.echo(rnd, server, kind)
        for server in http:
            self.http(rnd, server)


def run(rounds, duration, langs, only, notes):
    """`duration`: ms of measuring per server and row."""
    rows, with_http = wanted(only)
    servers = [s for s in CONTENDERS if s.lang in langs and rows]
    http = [
        s for s in http_servers.SERVERS if s.lang in langs and with_http
    ]
    progress = table.Progress(0)
    running = Run(rows, duration, progress, notes)
    steps = sum(len(running.kinds(server)) for server in servers)
    progress.total = (steps + len(http)) * rounds
    for rnd in range(rounds):
        running.round(rnd, servers, http)
    progress.end()
    return running.results


def main():
    parser = argparse.ArgumentParser(description="servers' CPU time")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duration", type=int, default=500, help="ms each")
    parser.add_argument("--only", default="", help="rows named like this")
    options = parser.parse_args()
    notes = []
    found = run(
        options.rounds,
        options.duration,
        ("python", "lua", "c"),
        options.only,
        notes,
    )
    print(", ".join(f"{k} {v}" for k, v in machine.describe()[:2]))
    impls = list(dict.fromkeys(key[3] for key in found.samples))
    for lang in ("python", "lua", "c"):
        rows = []
        for bench, case in found.cases(lang):
            values = [found.median(lang, bench, case, i) for i in impls]
            cells = [v and table.nanoseconds(v) for v in values]
            rows.append((f"{lang} {bench}: {case}", *(c or "" for c in cells)))
        if rows:
            print(table.text(("CPU, ns", *impls), rows), end="\n\n")
    for note in notes:
        print(f"note: {note}")


if __name__ == "__main__":
    main()
