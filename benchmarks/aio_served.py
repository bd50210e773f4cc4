"""Servers of aio_server.py, each in a process of its own, under a client of
plain blocking sockets: what a message costs them.

A figure is the CPU time of all the server's threads, user and system, out of
/proc/<pid>/task/*/schedstat: it does not matter what else the machine does.
What else it does still shows in the caches, now and then: a sample is the median
of several turns, all with the same number of operations for everybody."""

import contextlib
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from harness import case, contender, optional
from machine import HERE, children_on, cores

PATIENCE = 20  # seconds until a server that does not answer has failed
TURNS = 7  # of a sample

_scratch = tempfile.TemporaryDirectory()


def certificate():
    """A file with a certificate for localhost and its key."""
    path = pathlib.Path(_scratch.name, "certificate.pem")
    if not path.exists():
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-nodes", "-days", "1"),
                *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-subj", "/CN=localhost", "-keyout", str(path)),
                *("-out", str(path) + ".crt"),
            ],
            check=True,
            capture_output=True,
        )
        with path.open("a") as out:
            out.write(pathlib.Path(str(path) + ".crt").read_text())
    return str(path)


class Server:
    """A running aio_server.py, and connections to it."""

    def __init__(self, who, kind, size):
        environment = dict(os.environ)
        if kind.startswith("tls"):
            environment["BENCH_CERTIFICATE"] = certificate()
        with children_on(cores()[0]):
            self.process = subprocess.Popen(
                [sys.executable, HERE / "aio_server.py", who, kind, str(size)],
                stdout=subprocess.PIPE,
                env=environment,
            )
        self.kind = kind
        self.port = int(self.process.stdout.readline() or 0)
        if not self.port:
            sys.exit(f"the server of {who} for {kind} did not come up")

    def connect(self):
        address = ("127.0.0.1", self.port)
        sock = socket.create_connection(address, PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.kind.startswith("tls"):
            return sock
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(sock)

    def cpu(self):
        """What it has used until now, in ns."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task")
        stats = [task / "schedstat" for task in tasks.iterdir()]
        return sum(int(stat.read_text().split()[0]) for stat in stats)

    def cost(self, work):
        """What it uses for what `work` asks of it."""
        before = self.cpu()
        work()
        while (now := self.cpu()) != before:
            time.sleep(0.005)  # until the last message's work is over
            if self.cpu() == now:
                break
        return now - before

    def stop(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def serving(who, kind, size):
    """A server for a case."""
    server = Server(who, kind, size)
    try:
        yield server
    finally:
        server.stop()


def receive(sock, view):
    got = 0
    while got < len(view):
        n = sock.recv_into(view[got:])
        if n == 0:
            sys.exit("the server has closed the connection")
        got += n


def exchange_all(socks, message, view):
    """Sends a message on each connection, and then takes the answer of each."""
    for sock in socks:
        sock.sendall(message)
    for sock in socks:
        receive(sock, view)


def in_turns(server, exchange, n):
    """Does `exchange` n times a turn, the first of which is to warm up: until code is
    specialised and memory is there."""

    def turn():
        for _ in range(n):
            exchange()

    turn()
    yield
    while True:
        yield server.cost(turn)


def contend(names):
    """The cases of this bench are functions of a contender and a number."""
    for who in names:
        module = optional(who.split()[0])
        contender(who, module and (lambda fn, n, who=who: fn(who, n)))


def served_case(name, names, start, each):
    """A case of generators `start(who, n)`: see harness.py. `each`: operations of a
    turn."""
    case(name, *names, fixed=each, cpu=True, turns=TURNS)(start)
