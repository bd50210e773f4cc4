"""Echo servers under one load, in rounds: A B C A B C ..., so that what the
machine does meanwhile strikes all alike."""

from results import ServerResults
from servers import SERVERS, NoServer, load, running

CONNECTIONS = (64, 1000)


def run(rounds, duration, progress, servers=SERVERS):
    """`duration`: ms of measuring per server and number of connections. Takes
    a progress step for each."""
    results = ServerResults()
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
