"""Echo servers under one load, in rounds: A B C A B C ..., so that what the
machine does meanwhile strikes all alike."""

import statistics

from servers import SERVERS, NoServer, load, running

CONNECTIONS = (64, 1000)
CPU = ("user_us", "sys_us")


class EchoResults:
    """Samples by (server title, connections), and why others have none."""

    def __init__(self):
        self.samples = {}
        self.skipped = {}

    def add(self, title, connections, rnd, sample):
        self.samples.setdefault((title, connections), {})[rnd] = sample

    def figure(self, title, connections, key):
        """The median over rounds; of CPU time the mean over all round trips,
        as the system samples it too coarsely for a round alone."""
        rounds = self.samples.get((title, connections), {}).values()
        if not rounds:
            return None
        if key in CPU:
            used = sum(sample[key] * sample["round_trips"] for sample in rounds)
            return used / sum(sample["round_trips"] for sample in rounds)
        return statistics.median(sample[key] for sample in rounds)

    def ratios(self, title, base, connections, key):
        """The server's figure over the base's in each round both have."""
        ours = self.samples.get((title, connections), {})
        theirs = self.samples.get((base, connections), {})
        return [
            ours[rnd][key] / theirs[rnd][key]
            for rnd in ours.keys() & theirs.keys()
            if theirs[rnd][key]
        ]

    def ratio(self, title, base, connections, key):
        """The server's figure over the base's, of all rounds."""
        if key in CPU:
            ours = self.figure(title, connections, key)
            theirs = self.figure(base, connections, key)
            return ours / theirs if ours is not None and theirs else None
        values = self.ratios(title, base, connections, key)
        return statistics.median(values) if values else None


def run(rounds, duration, progress, servers=SERVERS):
    """`duration`: ms of measuring per server and number of connections. Takes
    a progress step for each."""
    results = EchoResults()
    for rnd in range(rounds):
        for server in servers:
            if server.title in results.skipped:
                for _ in CONNECTIONS:
                    progress.step(f"{server.title}: skipped")
                continue
            try:
                with running(server) as (process, port):
                    for connections in CONNECTIONS:
                        progress.step(
                            f"round {rnd + 1}/{rounds}: {server.title}, "
                            f"{connections} connections"
                        )
                        sample = load(
                            process, port, connections, duration=duration
                        )
                        results.add(server.title, connections, rnd, sample)
            except NoServer as reason:
                results.skipped[server.title] = str(reason)
    return results
