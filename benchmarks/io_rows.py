"""What servers need per operation, in CPU time: echo over every transport,
accepting, many idle connections, HTTP. In rounds, and in turns within each: A B C A B
C ...

    tools/run --bench python benchmarks/io_rows.py [--rounds 3] [--only TEXT]
"""

import argparse
import contextlib
import dataclasses
import statistics

import harness
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
    turns: int = 3  # of each server, in a round

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
        turns=2,  # connecting takes longer than they do
    ),
)
CONTENDERS = [server for server in SERVERS if server.impl]


def wanted(only):
    """The rows that `only` names; whether HTTP is one of them."""
    rows = [row for row in ROWS if only in row.name]
    return rows, only in f"http: {http_servers.CASE}"


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

    @contextlib.contextmanager
    def trying(self, what):
        """The block is about a measurement, which may fail in it."""
        try:
            yield
        except (NoServer, OSError, ValueError) as reason:
            self.failed.add(what)
            self.notes.append(f"{what} left out: {reason}")

    def up(self, stack, servers, what, start):
        """What `start` returns for each of the servers, until `stack` ends: all
        are there at the same time."""
        found = {}
        for server in servers:
            name = f"{server.title}, {what}"
            if name not in self.failed:
                with self.trying(name):
                    found[server] = stack.enter_context(start(server))
        return found

    def in_turns(self, rnd, bench, case, up, turns, measure):
        """A case: the servers have turns of a fraction of a second, so that a busy
        minute of the machine strikes all alike. `measure(server)`: us; the
        first turn is to warm up."""
        taken = {server: [] for server in up}
        for server in harness.in_turns(up, turns + 1):
            name = f"{server.title}, {bench}: {case}"
            if name not in self.failed:
                with self.trying(name):
                    taken[server].append(measure(server))
        for server, us in taken.items():
            if len(us) == turns + 1:
                middle = statistics.median(us[1:])
                _add(self.results, rnd, server, bench, case, middle)

    def echo(self, rnd, kind, servers):
        """The rows of one transport."""
        with contextlib.ExitStack() as stack:
            up = self.up(stack, servers, kind, lambda s: serving(s, kind))
            for row in self.rows:
                if row.kind == kind:
                    self.progress.step(f"round {rnd + 1}: {row.name}")
                    self.row(rnd, row, up)

    def row(self, rnd, row, up):
        def measure(server):
            process, where = up[server]
            sample = load(
                process,
                where,
                row.connections,
                duration=self.duration // row.turns,
                warmup=self.duration // 20,
                more=row.options,
            )
            return sample["cpu_us"]

        self.in_turns(rnd, row.bench, row.case, up, row.turns, measure)

    def http(self, rnd, servers):
        self.progress.step(f"round {rnd + 1}: HTTP")
        with contextlib.ExitStack() as stack:
            up = self.up(stack, servers, "http", http_servers.serving)

            def measure(server):
                return http_servers.measure(up[server], self.duration)

            self.in_turns(rnd, "http", http_servers.CASE, up, 2, measure)

    def round(self, rnd, servers, http):
        for kind in dict.fromkeys(row.kind for row in self.rows):
            self.echo(rnd, kind, [s for s in servers if kind in s.kinds])
        if http:
            self.http(rnd, http)


def run(rounds, duration, langs, only, notes):
    """`duration`: ms of measuring per server and row."""
    rows, with_http = wanted(only)
    servers = [s for s in CONTENDERS if s.lang in langs and rows]
    http = [
        s for s in http_servers.SERVERS if s.lang in langs and with_http
    ]
    progress = table.Progress((len(rows) + bool(http)) * rounds)
    running = Run(rows, duration, progress, notes)
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
