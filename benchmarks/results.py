"""What was measured: samples by contender and round, kept in a file, so that
groups measured one by one come together in one report."""

import json
import statistics

import machine

PATH = machine.ROOT / "build/bench-results.json"
CPU = ("user_us", "sys_us", "cpu_us")


class Results:
    """Times in ns by (lang, bench, case, impl) and round."""

    def __init__(self):
        self.samples = {}
        self.cpu = set()  # (bench, case) measured in CPU time

    def add(self, rnd, record):
        key = tuple(record[k] for k in ("lang", "bench", "case", "impl"))
        self.samples.setdefault(key, {})[rnd] = record["ns"]
        if record.get("clock") == "cpu":
            self.cpu.add(key[1:3])

    def update(self, other):
        """Takes over what `other` measured, in place of what was known."""
        self.samples.update(other.samples)
        self.cpu |= other.cpu

    def cases(self, lang, benches=None):
        """(bench, case) pairs in the order they were measured."""
        pairs = (k[1:3] for k in self.samples if k[0] == lang)
        return [
            pair
            for pair in dict.fromkeys(pairs)
            if benches is None or pair[0] in benches
        ]

    def impls(self, lang, benches):
        """Who was measured in these benches."""
        return {
            k[3] for k in self.samples if k[0] == lang and k[1] in benches
        }

    def median(self, lang, bench, case, impl):
        rounds = self.samples.get((lang, bench, case, impl))
        return statistics.median(rounds.values()) if rounds else None

    def speedups(self, lang, bench, case, against, other=None, ours="bide"):
        """How many times faster `ours` was, in each round that both have."""
        mine = self.samples.get((lang, bench, case, ours), {})
        place = other or (bench, case)
        theirs = self.samples.get((lang, *place, against), {})
        rounds = sorted(mine.keys() & theirs.keys())
        return [theirs[r] / mine[r] for r in rounds if mine[r]]


class ServerResults:
    """Samples by (server title, row), dicts as the load generator has them."""

    def __init__(self):
        self.samples = {}
        self.skipped = {}  # (title, row or None): why there are none

    def add(self, title, row, rnd, sample):
        self.samples.setdefault((title, row), {})[rnd] = sample

    def update(self, other):
        self.samples.update(other.samples)

    def figure(self, title, row, key):
        """The median over rounds; of CPU time the mean over all operations,
        as the system samples it too coarsely for a round alone."""
        rounds = self.samples.get((title, row), {}).values()
        if not rounds:
            return None
        if key in CPU:
            used = sum(sample[key] * sample["round_trips"] for sample in rounds)
            return used / sum(sample["round_trips"] for sample in rounds)
        return statistics.median(sample[key] for sample in rounds)

    def ratios(self, title, base, row, key):
        """The server's figure over the base's in each round both have."""
        ours = self.samples.get((title, row), {})
        theirs = self.samples.get((base, row), {})
        return [
            ours[rnd][key] / theirs[rnd][key]
            for rnd in ours.keys() & theirs.keys()
            if theirs[rnd][key]
        ]

    def ratio(self, title, base, row, key):
        """The server's figure over the base's, of all rounds."""
        if key in CPU:
            ours = self.figure(title, row, key)
            theirs = self.figure(base, row, key)
            return ours / theirs if ours is not None and theirs else None
        values = self.ratios(title, base, row, key)
        return statistics.median(values) if values else None


class Store:
    """All of it: the bench programs', the servers', and tables that are made
    when they are measured (memory, system calls)."""

    def __init__(self):
        self.benches = Results()
        self.servers = ServerResults()
        self.tables = {}  # title: (header, rows)
        self.notes = {}  # group: notes of its last run
        self.days = {}  # group: when that was

    def all_notes(self):
        return [note for notes in self.notes.values() for note in notes]


def identity():
    """What results must share to stand in one report."""
    return [machine.code(), *(f"{k} {v}" for k, v in machine.hardware())]


def _rounds(samples):
    return {int(rnd): value for rnd, value in samples.items()}


def load():
    """What earlier runs have left, and whether it is of this machine and
    these sources: if not, it is not to be added to."""
    store = Store()
    try:
        raw = json.loads(PATH.read_text())
        for *key, samples in raw["benches"]:
            store.benches.samples[tuple(key)] = _rounds(samples)
        store.benches.cpu = {tuple(pair) for pair in raw["cpu"]}
        for *key, samples in raw["servers"]:
            store.servers.samples[tuple(key)] = _rounds(samples)
        store.tables = {k: tuple(v) for k, v in raw["tables"].items()}
        store.notes, store.days = raw["notes"], raw["days"]
    except (OSError, ValueError, KeyError, TypeError):
        return Store(), True
    return store, raw.get("identity") == identity()


def save(store):
    """Keeps the raw samples beside the builds; where."""
    PATH.parent.mkdir(exist_ok=True)
    raw = {
        "identity": identity(),
        "machine": machine.describe(),
        "benches": [[*k, v] for k, v in store.benches.samples.items()],
        "cpu": sorted(store.benches.cpu),
        "servers": [[*k, v] for k, v in store.servers.samples.items()],
        "tables": store.tables,
        "notes": store.notes,
        "days": store.days,
    }
    PATH.write_text(json.dumps(raw, indent=1) + "\n")
    return PATH
