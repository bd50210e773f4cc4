"""A fan-out of queries over a few PostgreSQL connections.

    python postgres_fan_out.py [--connections 4] [--queries 20] [CONNINFO]

libpq does the talking, in its non-blocking mode; bide waits for its socket
(wait_readable, wait_writable). Any C library that shows its descriptor fits in
like this. The binding of libpq is psycopg's (pip install "psycopg[binary]").
"""

import argparse

import bide
from psycopg import pq


class QueryError(Exception):
    """What the server says about a query."""


async def connect(conninfo):
    connection = pq.PGconn.connect_start(conninfo.encode())
    while True:
        status = connection.connect_poll()
        if status == pq.PollingStatus.OK:
            connection.nonblocking = 1
            return connection
        if status == pq.PollingStatus.READING:
            await bide.wait_readable(connection.socket)
        elif status == pq.PollingStatus.WRITING:
            await bide.wait_writable(connection.socket)
        else:
            raise ConnectionError(connection.get_error_message())


async def flush(connection):
    while connection.flush():
        # The server may want to be read from before it takes more.
        await bide.race(bide.wait_writable(connection.socket),
                        bide.wait_readable(connection.socket))
        connection.consume_input()


async def query(connection, text, *parameters):
    """The rows of one query, as tuples of strings."""
    connection.send_query_params(
        text.encode(), [str(value).encode() for value in parameters])
    await flush(connection)
    results = []
    while True:
        while connection.is_busy():
            await bide.wait_readable(connection.socket)
            connection.consume_input()
        result = connection.get_result()
        if result is None:
            break
        results.append(result)
    last = results[-1]
    if last.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        raise QueryError(last.get_error_message())
    return [
        tuple((last.get_value(row, column) or b"").decode()
              for column in range(last.nfields))
        for row in range(last.ntuples)
    ]


class Pool:
    """So many connections; a query takes the one that is free first."""

    def __init__(self, conninfo, size):
        self.conninfo = conninfo
        self.size = size
        self.free = bide.Channel(size, name="free connections")

    async def __aenter__(self):
        for connection in await bide.gather(*(
                connect(self.conninfo) for _ in range(self.size))):
            self.free.try_send(connection)
        return self

    async def __aexit__(self, *details):
        for _ in range(self.size):
            self.close(self.free.try_recv())

    def close(self, connection):
        bide.notify_closing(connection.socket)
        connection.finish()

    async def query(self, text, *parameters):
        connection = await self.free.recv()
        try:
            rows = await query(connection, text, *parameters)
        except QueryError:
            self.free.try_send(connection)
            raise
        except BaseException:
            # Cancelled half-way: its answer is still to come. A new one.
            self.close(connection)
            with bide.shield(grace=5):
                self.free.try_send(await connect(self.conninfo))
            raise
        self.free.try_send(connection)
        return rows


async def main(options):
    async with Pool(options.conninfo, options.connections) as pool:
        start = bide.now()
        answers = await bide.gather(*(
            pool.query("SELECT $1::int, $1::int * $1::int, pg_sleep(0.05)", n)
            for n in range(options.queries)))
        took = bide.now() - start
        for number, rows in enumerate(answers):
            assert rows == [(str(number), str(number * number), "")], rows
        print(f"{options.queries} queries of 50 ms on {options.connections} "
              f"connections: {took * 1000:.0f} ms")
        try:
            await pool.query("SELECT nonsense")
        except QueryError as error:
            print("a bad query:", str(error).splitlines()[0])
        with bide.move_on_after(0.05) as slow:
            await pool.query("SELECT pg_sleep(60)")
        print("a slow one was given up:", slow.cancelled_caught)
        (alive,), = await pool.query("SELECT 'the pool works on'")
        print(alive)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="a fan-out of queries")
    options.add_argument("conninfo", nargs="?", default="dbname=postgres")
    options.add_argument("--connections", type=int, default=4)
    options.add_argument("--queries", type=int, default=20)
    bide.run(main(options.parse_args()))
